/**
 * The parameters of smb.conf that mean nothing here, by name, so that a Samba configuration can be taken over
 * and a misspelt key still be told from a known one. Those whose loss would open what the file closes are
 * errors (REFUSED), the others are passed over with a warning.
 */
import { normalizeKey } from './smb-conf.ts';

/** They bring in other lines or other values, which may be the ones that forbid something. */
const REFUSED = ['config file', 'username map script'];

const IGNORED = `
  abort shutdown script; access based share enum; acl allow execute always; acl check permissions;
  acl claims evaluation; acl group control; acl map full
  control; ad dc functional level; add group script; add machine script; add share command; add
  user script; add user to group script; additional dns hostnames; addport command; addprinter
  command; administrative share; afs share; afs token lifetime; afs username map; aio max threads;
  aio read size; aio write behind; aio write size; algorithmic rid base; allocation roundup size;
  allow dcerpc auth level connect; allow dns updates; allow insecure wide links; allow nt4 crypto;
  allow trusted domains; allow unsafe cluster upgrade; announce as; announce version; apply group
  policies; async dns timeout; async smb echo handler; auth event notification; auto services;
  bind dns directory; binddns dir; block size; blocking locks; browse list; cache directory; case
  sensitive; casesignames; change notify; change notify timeout; change share command; check
  parent directory delete on close; check password script; cldap port; client ipc max protocol;
  client ipc min protocol; client ipc signing; client lanman auth; client ldap sasl wrapping;
  client max protocol; client min protocol; client netlogon ping protocol; client ntlmv2 auth;
  client plaintext auth; client protection; client schannel; client signing; client smb encrypt;
  client smb transports; client smb3 encryption algorithms; client smb3 signing algorithms; client
  use kerberos; client use krb5 netlogon; client use spnego; client use spnego principal; cluster
  addresses; clustering; config backend; create krb5 conf; ctdb locktime warn
  threshold; ctdb timeout; ctdbd socket; cups connection timeout; cups encrypt; cups options; cups
  server; dcerpc endpoint servers; debug class; debug encryption; debug hires timestamp; debug
  pid; debug prefix timestamp; debug syslog format; debug timestamp; debug uid; debuglevel;
  default; default case; default devmode; default service; defer sharing
  violations; delete group script; delete readonly; delete share command; delete user from group
  script; delete user script; deleteprinter command; dfree cache time; dfree
  command; dgram port; directory name cache size; directory security mask; 
  disable spoolss; display charset; dmapi support; dns forwarder; dns hostname; dns port; dns
  proxy; dns update command; dns zone scavenging; dns zone transfer clients allow; dns zone
  transfer clients deny; domain logons; domain master; dont descend; dos charset; dos filemode;
  dos filetime resolution; dos filetimes; dsdb event notification; dsdb group change notification;
  dsdb password event notification; ea support; enable asu support; enable core files; enable
  privileges; enable svcctl; encrypt passwords; enhanced browsing; enumports command; eventlog
  list; exec; fake directory create times; fake oplocks; force directory security mode; force
  printername; force security mode; force unknown acl user; fstype; get quota command; getwd
  cache; gpo update command; hide new files timeout; 
  himmelblaud hello enabled; himmelblaud hsm pin path; himmelblaud sfa
  fallback; honor change notify privilege; hostname lookups; idmap alloc backend;
  idmap backend; idmap cache time; idmap config; idmap domains; idmap gid; idmap negative cache
  time; idmap uid; include system krb5 conf; init logon delay;
  init logon delayed hosts; iprint server; kdc always generate pac; kdc default domain supported
  enctypes; kdc enable fast; kdc force enable rc4 weak session keys; kdc supported enctypes;
  keepalive; kerberos encryption types; kernel change notify; kernel oplocks;
  kernel share modes; kpasswd port; krb5 port; lanman auth; large readwrite; ldap admin dn; ldap
  connection timeout; ldap debug level; ldap debug threshold; ldap delete dn; ldap deref; ldap
  follow referral; ldap group suffix; ldap idmap suffix; ldap machine suffix; ldap max anonymous
  request size; ldap max authenticated request size; ldap max search request size; ldap page size;
  ldap passwd sync; ldap password sync; ldap replication sleep; ldap server require strong auth;
  ldap ssl; ldap suffix; ldap timeout; ldap user suffix; level2 oplocks; lm announce; lm interval;
  load printers; local master; lock dir; lock directory; lock spin count; lock spin time; locking;
  log file; log level;  log nt token command; log writeable files on exit;
  logging; logon drive; logon home; logon path; logon script; lppause command; lpq cache time; lpq
  command; lpresume command; lprm command; lsa over netlogon; machine password timeout; magic
  output; magic script; mangle prefix; mangling char; mangling method; map acl
  inherit; max disk size; max log size; max
  mux; max print jobs; max reported print jobs; max smbd processes; max stat cache size; max ttl;
  max wins ttl; max xmit; message command; min domain uid; min passwd length; min print
  space; min receivefile size; min wins ttl; mit kdc command; msdfs
  shuffle referrals; name cache timeout; name resolve order; nbt client
  socket address; ncalrpc dir; netbios aliases; netbios scope; neutralize nt4 emulation;
  nmbd bind explicit broadcast; nsupdate command; nt acl support; nt hash store; nt pipe support;
  nt status support; ntp signd socket directory; ntvfs handler; null passwords; obey
  pam restrictions; old password allowed period; only user; oplock break wait time; os
  level; os2 driver map; pam password change; panic action; paranoid server security; passdb
  backend; passdb expand explicit; passwd chat; passwd chat debug; passwd chat timeout; passwd
  program; password hash gpg key ids; password hash userpassword schemes; password server;
  perfcount module; persistent handles; pid directory; postexec; preexec; preexec
  close; prefered master; preferred master; prefork backoff increment; prefork children; prefork
  maximum backoff; preload; preload modules; preserve case; print command; print notify
  backchannel; print ok; printable; printcap; printcap cache time; printcap name; printer; printer
  name; printing; printjob username; private dir; private directory; profile acls; queuepause
  command; queueresume command; raw ntlmv2 auth; read raw; registry shares; reject aes
  netlogon servers; reject md5 clients; reject md5 servers; remote announce; remote browse sync;
  rename user script; require strong key; reset on zero vc; revalidate; root postexec; root
  preexec; root preexec close; rpc big endian; rpc
  start on demand helpers; samba kcc command; security; security mask; server role;
  server schannel; server schannel require seal; server services; server smb transports; server
  smb3 encryption algorithms; server smb3 signing algorithms; server support krb5 netlogon; set
  primary group script; set quota command; share modes; short preserve case; show add printer
  wizard; shutdown script; smb passwd file; smb2 disable lock
  sequence checking; smb2 disable oplock break retry;
  smbd async dosmode; smbd force process locks; smbd getinfo ask sharemode; smbd max async
  dosmode; smbd max xattr size; smbd profiling level; smbd search ask sharemode; socket address;
  socket options; spn update command; spotlight; spotlight backend; stat cache; state directory;
  status; strict allocate; strict locking; strict rename; strict sync; svcctl list; sync always;
  sync machine password script; sync machine password to keytab; syslog; syslog only; template
  homedir; template primary group; template shell; time server; timestamp logs; tls ca
  directories; tls cafile; tls certfile; tls crlfile; tls dh params file; tls enabled; tls
  keyfile; tls priority; tls trust system cas; tls verify peer; unicode; unix charset; unix
  extensions; unix password sync; use client driver; use kerberos keytab; use mmap; use sendfile;
  use spnego; user; username; username level; username map cache time; users; usershare allow
  guests; usershare max shares; usershare owner only; usershare path; usershare prefix allow list;
  usershare prefix deny list; usershare template share; utmp; utmp directory; valid chars; veto
  oplock files; vfs mkdir use tmp name; volume; volume serial number; winbind cache time; winbind
  debug traceid; winbind enum groups; winbind enum users; winbind expand groups; winbind gid;
  winbind max clients; winbind max domain connections; winbind nested groups; winbind normalize
  names; winbind nss info; winbind offline logon; winbind reconnect delay; winbind refresh
  tickets; winbind request timeout; winbind rpc only; winbind scan trusted domains; winbind sealed
  pipes; winbind separator; winbind trusted domains only; winbind uid; winbind use default domain;
  winbind use krb5 enterprise principals; winbind varlink service; winbindd socket directory; wins
  hook; wins partners; wins proxy; wins server; wins support; write cache size; write raw; wtmp
  directory
`;

const refused = new Set(REFUSED.map(normalizeKey));
const ignored = new Set(IGNORED.split(';').map(normalizeKey));

export type SambaKey = 'refused' | 'ignored' | 'unknown';

export function sambaKey(key: string): SambaKey {
  const name = normalizeKey(key);
  if (refused.has(name)) return 'refused';
  // "module:option" belongs to a module of Samba's.
  return ignored.has(name) || /^[^:]+:[^:]/.test(name) ? 'ignored' : 'unknown';
}
