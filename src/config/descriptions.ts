/** What each parameter does, in a sentence or two: for the man page and `usmbd testparm --explain`. */
import type { globalParameters, shareParameters } from './parameters.ts';

export const globalDescriptions: Readonly<Record<keyof typeof globalParameters, string>> = {
  workgroup: 'The workgroup or domain that the server says it is in.',
  netbiosName:
    "The server's name towards clients and in logins. The host's name, as far as it fits, if it is not given.",
  serverString: 'A comment that clients show beside the server.',
  minProtocol:
    'The oldest dialect that is spoken. NT1, which is SMB1, is loaded only where it is named here; it has no encryption.',
  maxProtocol: 'The newest dialect that is spoken.',
  signing:
    'Whether every request of a user has to be signed (mandatory), or only those of clients that want it (auto). Nobody between client and server can change what is signed.',
  ntlmAuth:
    'Whether clients of SMB1 may log in by NTLMv1, which gives passwords away to who listens. SMB 2 and 3 take NTLMv2 alone, whatever this says.',
  encryption:
    'Whether sessions are encrypted: never (off), when the client does (auto), whenever it can (desired), or else refused (required). Shares can ask for more by "smb encrypt".',
  maxReadSize: 'Bytes that one READ may ask for.',
  maxWriteSize: 'Bytes that one WRITE may bring.',
  maxTransactSize: 'Bytes that one listing, query or change of information may have.',
  maxCredits: 'How many requests, of 64 KiB each, a client may have under way on one connection.',
  tcpPort: 'The TCP port, 445 unless given; serve --port and mountd -p go before it.',
  smbPorts: 'TCP ports to listen on, all of them; 139 is that of NetBIOS sessions.',
  disableNetbios:
    'Whether names of NetBIOS go unanswered (UDP 137). Only clients of SMB1 need them.',
  nbtPort: 'The UDP port on which names of NetBIOS are answered.',
  wsDiscovery:
    'Whether the server shows itself in the Network folder of Windows (WS-Discovery: UDP 3702, TCP 5357). A process of its own does it, as nobody.',
  multicastDnsRegister:
    'Whether the server is announced by multicast DNS (UDP 5353), to the Finder and to Linux desktops; disks for Time Machine, too. A process of its own does it, as nobody.',
  mdnsName:
    'The name under which multicast DNS shows the server: that of "netbios name", or the machine\'s (mdns).',
  rpcOverTcp:
    'Whether the interfaces that administer the server (accounts, shares, names) are reached by TCP, too, not by named pipes alone; only for who logs in with a password, and signs. "usmbd serve" and "usmbd mountd" have it.',
  rpcServerPort:
    'The TCP port of those interfaces, which clients learn from the endpoint mapper. 0: one of "rpc server dynamic port range".',
  rpcDynamicPorts: 'The TCP ports one of which is theirs: the first that is free.',
  rpcMapperPort: 'The TCP port of the endpoint mapper. Clients know no other than 135.',
  interfaces:
    'Network interfaces, addresses or networks: what clients are told that look for more channels, and, with "bind interfaces only", what is listened on. "eth0;capability=RDMA" says more of one.',
  bindInterfacesOnly: 'Whether the server listens on the addresses of "interfaces" alone.',
  mapToGuest:
    'What becomes of a login by a name without an account: refused (never), or a guest (bad user). With "bad password" a wrong password makes a guest, too, who may wonder where the files are.',
  guestAccount: "The account, of the system's, that guests act as.",
  restrictAnonymous:
    'Whether logins without a name are let in: 0 lets them list shares, 1 and 2 keep them, and guests, out of all but guest shares. 0 where guests are welcome, otherwise 2, if it is not given.',
  workers:
    'Processes that do sockets, signatures and encryption for the one that owns the files; 1: it does that itself; auto: one less than there are cores, from three on.',
  maxConnections:
    'Connections at the same time; more are closed at once. 0: as many as there can be.',
  maxConnectionsPerAddress:
    'Connections at the same time from one address. 0: as many as there can be.',
  maxSessions: 'Sessions that are logged in at the same time. 0: as many as there can be.',
  maxOpenFiles: 'Files that are open at the same time, of all clients. 0: as many as there can be.',
  bufferMemory: 'Bytes that the whole server has for what is read, written and sent.',
  deadtimeMinutes:
    'Minutes without a request after which a connection without open files is closed; 0: never. Clients come back by themselves.',
  ipcTimeoutSeconds:
    'Seconds without a sign of life after which the control plane is killed and started again; 0: ten.',
  hostsAllow:
    'Addresses and networks that may use any share: "192.168.", "10.0.0.0/8", ALL, EXCEPT. Names of hosts are not taken. Where it is given and "hosts deny" is not, everybody else is kept out but this machine.',
  hostsDeny: 'Addresses and networks that may use no share, unless "hosts allow" has them.',
  rootDirectory: 'A folder that is put before the "path" of every share.',
  fakeFscaps:
    'A decimal mask of attributes of a file system (MS-FSCC 2.5.1) that clients are told beside those that it has: for programs that look for one.',
  durableHandles:
    'Whether a client that loses its connection finds its files open, and locked, when it is back.',
  leases:
    'Whether clients may cache files, and keep them open, by leases. Without, they have oplocks.',
  directoryLeases: 'Whether clients may cache listings of folders (SMB 3).',
  multiChannel: 'Whether a session may have several connections (SMB 3).',
  compression:
    'Whether messages are compressed for clients that ask for it (SMB 3.1.1): Windows 11, Windows Server 2022, Linux with the mount option "compress". See "compress data".',
  posixExtensions:
    'Whether the SMB3 POSIX extensions are spoken with clients that ask for them: modes, exact names, links, special files.',
  smb1UnixExtensions:
    'Whether the Unix extensions of SMB1 are spoken with clients that ask for them.',
  hostMsdfs: 'Whether shares with "msdfs root" are namespaces.',
  kerberos:
    'Whether users may log in by Kerberos. Yes, if it is not given, where "kerberos method" names a keytab.',
  kerberosServiceName:
    'The principal whose key is taken, "cifs/host" for instance. Whatever key of the keytab fits, if it is not given.',
  kerberosKeytab: "The file with the server's keys. That of krb5.conf, if it is not given.",
  kerberosMethod: "Where the server's keys are, in Samba's words; see docs/kerberos.md.",
  realm: 'The Kerberos realm whose users are those of this server by the same names.',
  auditLog:
    'A file that says who did what, and who was refused and why: a JSON object a line. It is opened anew by a reload, for logrotate(8).',
  auditEvents: 'What the audit log has.',
  usernameMap:
    'A file of lines "local = name other @group *", by which names of clients become those of accounts here.',
  smbDirect: 'Whether clients may come by RDMA (SMB Direct over iWARP), on a port of its own.',
  smbDirectPort: 'The TCP port of SMB Direct.',
  smbDirectChecksums: 'Whether iWARP has checksums also with clients that do not ask for them.',
  smbDirectMaxIoSize: 'Bytes that one READ or WRITE may have by SMB Direct.',
  apple:
    "Whether Apple's extensions are spoken: faster listings in the Finder, and what else is by fruit.",
  appleModel: "Apple's name of a machine, whose picture the Finder shows.",
  appleNfsAces: 'Whether macOS sees and sets modes of files, within access lists.',
  appleCopyFile: 'Whether a copy by the Finder is one request, without a bar of progress.',
  metricsPort:
    'A TCP port on which Prometheus is told what the server counts; none if it is not given.',
  metricsAddress: 'The address of that port.',
};

export const shareDescriptions: Readonly<Record<keyof typeof shareParameters, string>> = {
  path: 'The folder that is shared. It has to be there. With macros it is another one for each client: see MACROS in usmbd.conf(5).',
  comment: 'A text that clients show beside the share.',
  available: 'Whether there is the share at all.',
  browseable: 'Whether the share is listed. Who knows its name can use it in any case.',
  readOnly: 'Whether nothing can be changed, but by those of "write list".',
  guestOk: 'Whether guests may use the share; see "map to guest".',
  guestOnly: 'Whether everybody is a guest in this share, where guests may use it.',
  guestAccount: "The account, of the system's, that guests act as in this share.",
  validUsers:
    'Who may use the share; everybody, if nobody is named. @group is a group of the system.',
  invalidUsers: 'Who may not use the share, whatever "valid users" says.',
  readList: 'Who may read only, whatever the share is.',
  writeList: 'Who may write to a share that is "read only". "read list" goes before it.',
  hostsAllow:
    'Addresses and networks that may use the share; see "hosts allow" of the server, which is asked, too.',
  hostsDeny:
    'Addresses and networks that may not use the share, unless its "hosts allow" has them.',
  forceUser:
    "The user of the system that everybody acts as in this share. Needs a server of root's.",
  forceGroup: "The group that everybody acts by in this share. Needs a server of root's.",
  createMask: 'Bits that the mode of a new file may have.',
  directoryMask: 'Bits that the mode of a new folder may have.',
  forceCreateMode: 'Bits that the mode of a new file has in any case.',
  forceDirectoryMode: 'Bits that the mode of a new folder has in any case.',
  inheritPermissions: 'Whether new files and folders have the mode of the folder that they are in.',
  inheritOwner: 'Whether new files and folders belong to whom their folder belongs to.',
  inheritAcls: 'Whether default ACLs of folders are handed on whole, in spite of masks.',
  mapArchive:
    'Whether the attribute ARCHIVE is the owner\'s x in the mode. Only without "store dos attributes".',
  mapHidden:
    'Whether the attribute HIDDEN is the others\' x in the mode. Only without "store dos attributes".',
  mapSystem:
    'Whether the attribute SYSTEM is the group\'s x in the mode. Only without "store dos attributes".',
  mapReadonly:
    'Whether the attribute READONLY is in the mode (yes), or told of who may not write (permissions). Only without "store dos attributes".',
  hideDotFiles: 'Whether names that begin with a dot are shown as hidden.',
  hideFiles: 'Names that are shown as hidden.',
  hideSpecialFiles: 'Whether sockets, pipes and devices are left out of listings.',
  hideUnreadable:
    'Whether what a user may not read is left out of listings (access-based enumeration).',
  hideUnwriteable: 'Whether files that a user may not write are left out of listings.',
  vetoFiles: 'Names that are not there for clients: neither listed, opened nor made.',
  deleteVetoFiles:
    'Whether a folder can be deleted that holds nothing but vetoed names, with them.',
  shortNames:
    'Names of 8.3: for none (no), for who asks (illegal), or in every listing (yes), which costs time.',
  listEaSizes:
    'Whether listings tell the size of extended attributes, which costs a look at each file.',
  changeNotify: 'Whether clients are told when something changes in a folder.',
  kernelChangeNotify: 'Whether they are told of what other programs on this machine change, too.',
  compressData:
    'Whether clients are asked to compress what they write to this share and read from it; needs "smb3 compression".',
  cscPolicy:
    'What Windows keeps of this share for when the server is away: what its user chooses (manual), what was opened (documents), programs too (programs), nothing (disable).',
  posixExtensions: 'Whether the SMB3 POSIX extensions are for this share.',
  msdfsRoot: 'Whether symbolic links "msdfs:server\\share" in it take clients there.',
  msdfsProxy:
    'A share of another server that takes the place of all of this one; needs "msdfs root".',
  posixLocking:
    'Whether byte-range locks of clients stop other programs on the host, and theirs the clients.',
  oplocks: 'Whether clients may cache files of this share, by oplocks and leases.',
  storeDosAttributes:
    'Whether DOS attributes and times of creation are kept, in an extended attribute.',
  maxConnections: 'Connections to this share at the same time. 0: as many as there can be.',
  encryption:
    'Encryption that a connection to this share needs beyond what the server asks of all; see "smb3 encryption".',
  adminUsers:
    'Who acts as root in this share. In [global]: who also administers the server by RPC.',
  crossMounts: 'Whether clients get to what is mounted within the share.',
  followSymlinks:
    'Whether the server goes where symbolic links within the share lead, for clients that do not, Windows among them. Without it they are told where a link leads, and go there themselves.',
  wideLinks: 'Whether symbolic links lead out of the share. None does.',
  appleConvertsDouble:
    'Whether what macOS or Netatalk left in `._` files becomes streams. Needs fruit in `vfs objects`.',
  appleZeroFileIds:
    'Whether macOS is told no numbers of files, since a number that comes back confuses it.',
  appleIgnoresEmptyAcls:
    'Whether access lists without an entry, which macOS sets by mistake, are passed over.',
  appleMetadata: 'Where what the Finder knows of a file is kept: in a stream.',
  appleResource: 'Where resource forks are kept: in a stream.',
  appleEncoding: 'How names are kept that Windows has not: with private characters.',
  timeMachine: 'Whether macOS may make backups by Time Machine here.',
  timeMachineMaxSize:
    'Bytes that backups by Time Machine may take; what the disk has, if it is not given.',
  continuousAvailability:
    'Whether what clients have open outlives the server (persistent handles). Each open, lock and write waits for the disk.',
  vfsObjects:
    "Samba's modules that are parts of this server: streams_xattr (named streams), acl_xattr (Windows' access lists), fruit (macOS; always there) and shadow_copy2 (previous versions). A list without one of the first two turns it off.",
  ntAclName:
    "The extended attribute that keeps Windows' access lists. user.NTACL is for a server that is not root: who may write a file can change it.",
  canonicalInheritedFlag:
    'Whether an access list counts as inherited only where the client asks for that, as with Windows.',
  ignoresSystemAcls:
    "Whether Windows' access lists alone decide, and modes and POSIX ACLs are open to all.",
  defaultAclStyle: 'The access list of a new file in a folder that hands nothing on.',
  streamFormat: 'Whose form named streams have on the disk.',
  snapshotFolder:
    'The folder of snapshots; a relative one is beneath "shadow:mountpoint". With shadow_copy2 only.',
  snapshotBase: 'The folder that a snapshot is of; the whole file system, if it is not given.',
  snapshotSharePath:
    'Where the share is in a snapshot; where it is in "shadow:basedir", if it is not given.',
  snapshotMountPoint: "Where the share's file system is mounted; found out, if it is not given.",
  snapshotFormat: 'The names of snapshots, by strftime(3).',
  snapshotNumbers: 'Whether names have seconds since 1970; "shadow:format" has %lu then.',
  snapshotLocalTime: "Whether names have this machine's time instead of UTC.",
  snapshotOrder: 'The order in which previous versions are told.',
  snapshotPrefix:
    'What the names of snapshots have before "shadow:delimiter": a basic regular expression.',
  snapshotDelimiter: 'Where, in a name with a prefix, what "shadow:format" reads begins.',
  snapshotFixInodes: 'Whether files of snapshots are told apart from those of today. They are.',
  snapshotsEverywhere:
    'Whether each folder may have snapshots of its own. There is one folder of them.',
  snapshotsCrossMounts: 'Whether folders of snapshots are looked for across mounts.',
};
