/**
 * Every bound on what a peer can make the server do, with its reason. Values that smb.conf can set are
 * defaults here and arrive through the server's options.
 */

const KiB = 1024;
const MiB = 1024 * KiB;

/** MS-SMB2 2.2.4: the largest READ and WRITE offered where multi-credit requests are (2.1 and up). */
export const MAX_IO_SIZE = 8 * MiB;
/** MS-SMB2 2.2.4: QUERY and SET buffers. */
export const MAX_TRANSACT_SIZE = 1 * MiB;
/** Without multi-credit requests (2.0.2) every buffer is bounded by one credit. */
export const MAX_SINGLE_CREDIT_SIZE = 64 * KiB;

/** 3.3.5.2: what a message may be at most where its command carries no large payload. */
export const MAX_SMALL_MESSAGE_BYTES = 68 * KiB;
/** Header, fixed part, padding and create contexts beside a payload of the maximal size. */
export const MESSAGE_OVERHEAD_BYTES = 4 * KiB;
/** Sockets that a service manager hands over: an address and port each, of which a machine has a few. */
export const MAX_HANDED_SOCKETS = 64;
/** FileDescriptorName= of systemd. */
export const MAX_SOCKET_NAME_BYTES = 255;
/** Before a session is authenticated nothing but NEGOTIATE and SESSION_SETUP is expected. */
export const MAX_UNAUTHENTICATED_MESSAGE_BYTES = 68 * KiB;

/** 2.2.42.2: payloads of one compressed message; a sender has some five: a pattern, data and a pattern, and what is before them. */
export const MAX_CHAINED_PAYLOADS = 1024;
/**
 * MS-XCA: plain bytes that are compressed or decompressed before others are served, one or two milliseconds of the loop.
 */
export const COMPRESSION_PORTION_BYTES = 128 * KiB;
/** 3.1.4.4: a READ of less is answered as it is; Windows and Linux send nothing shorter compressed either. */
export const MIN_COMPRESSED_BYTES = 4 * KiB;

/** 3.3.1.2: MessageIds a client may have at its disposal; what Windows Server grants at most. */
export const MAX_CREDITS = 8192;
/** Credits at hand until a session is there: enough for SESSION_SETUP and its next command. */
export const MAX_UNAUTHENTICATED_CREDITS = 16;

/** Members of one compound; Windows sends up to 4, macOS 3, smbtorture some 30. */
export const MAX_COMPOUND_MESSAGES = 64;

/** Seconds for a connection to get a session; half-open sockets end here. */
export const AUTHENTICATION_TIMEOUT_MS = 45_000;
/** How often a connection is looked at for idleness, where smb.conf sets a `deadtime` (in minutes). */
export const IDLE_CHECK_MS = 60_000;
/** A peer that starts a message and does not go on. */
export const MESSAGE_TIMEOUT_MS = 30_000;
/** A peer that does not read its answers. */
export const SEND_TIMEOUT_MS = 30_000;
/** Unsent answers above which no more requests are read from the peer. */
export const SEND_HIGH_WATER_BYTES = 16 * MiB;

/** What one connection is read at once, before the others have their turn. */
export const MAX_RECEIVED_AT_ONCE_BYTES = 4 * MiB;
/** A connection that is closed: how long the peer may take to fetch its last answers. */
export const CLOSE_TIMEOUT_MS = 1_000;
/** Idle seconds after which the kernel asks whether the peer is still there. */
export const KEEPALIVE_SECONDS = 60;
/** Without a descriptor for a new connection, how long until it is tried again. */
export const ACCEPT_PAUSE_MS = 500;

/** RFC 5044 7.1: a peer that begins iWARP and does not go on. */
export const MPA_TIMEOUT_MS = 10_000;
/** MS-SMBD 3.1.7.2: "5 seconds" for the first message of an RDMA connection, from when that is there. */
export const SMB_DIRECT_NEGOTIATION_TIMEOUT_MS = 5_000;
/** WRITEs of one connection whose data are being fetched by RDMA; each holds a buffer of its size. */
export const MAX_REMOTE_FETCHES = 8;

/** Of buffers that lie ready to be used again: 64 requests of a megabyte. */
export const MAX_POOLED_BYTES = 64 * MiB;

/**
 * Of buffers in use for what is read, written and sent, of the whole process: `buffer memory` of smb.conf. A
 * hundred WRITEs of the largest size at once; what is wanted beyond waits.
 */
export const DEFAULT_BUFFER_BYTES = 1024 * MiB;
/** Four connections with a message of the largest size each have to fit in. */
export const MIN_BUFFER_BYTES = 64 * MiB;
export const MAX_BUFFER_BYTES = 1024 * 1024 * MiB;

/** Each costs some 10 KiB, and a descriptor of those that `ulimit -n` allows. */
export const MAX_CONNECTIONS = 4096;
/** One client may be many: terminal servers, and whole sites behind one address. */
export const MAX_CONNECTIONS_PER_ADDRESS = 512;
/** Of those, the ones that have no session yet. */
export const MAX_UNAUTHENTICATED_CONNECTIONS = 256;
/** Of the whole server, with a user; a client has one session as a rule. */
export const MAX_SESSIONS = 4096;
export const MAX_SESSIONS_PER_CONNECTION = 64;
/** Addresses that a server tells of; a client has no use for more. */
export const MAX_NETWORK_INTERFACES = 256;
/** Connections of one session; Windows Server has the same. */
export const MAX_CHANNELS_PER_SESSION = 32;
export const MAX_TREES_PER_SESSION = 256;
/** smb2.maxfid opens more than 60,000 files in one session. */
export const MAX_OPENS_PER_SESSION = 65_536;
export const MAX_OPENS = 262_144;
/** Of a tree connect that ends: closed in one go, some 5 ms, before others get their turn. */
export const MAX_OPENS_ENDED_AT_ONCE = 256;
/**
 * Requests of one connection that wait for something (interim responses sent). Windows has 512 async
 * credits a connection and keeps one: smb2.credits.1conn_notify_max_async_credits.
 */
export const MAX_ASYNC_REQUESTS = 511;
/** Byte-range locks that one open holds or waits for; Windows has no bound, memory has. */
export const MAX_LOCKS_PER_OPEN = 16_384;
/** Of the whole server: some 200 bytes each, 700 where one waits. */
export const MAX_LOCKS = 524_288;

/** MS-SMB2 3.3.1.5, ServerSideCopyMax…: of one SRV_COPYCHUNK, as Windows Server. */
export const MAX_COPY_CHUNKS = 256;
export const MAX_COPY_CHUNK_BYTES = 1 * MiB;
export const MAX_COPY_BYTES = 16 * MiB;
/** MS-FSA 2.1.5.10.39: zeroed at once, before locks and the client are looked at again. */
export const ZERO_PIECE_BYTES = 1024 * MiB;
/** Allocated ranges in one answer: some milliseconds to find. The client asks on from there. */
export const MAX_TOLD_FILE_RANGES = 4096;
/** Ranges of one FILE_LEVEL_TRIM; the client is told how many were looked at. */
export const MAX_TRIM_RANGES = 1024;
/** Ranges that the kernel copies at the same time: libuv's pool has four threads, and reads need them too. */
export const MAX_COPIES_AT_ONCE = 2;

/** Extended attributes that one named stream may be stored in, of 64 KiB each: as many as Samba reads. */
export const MAX_STREAM_VALUES = 16;

/** Directories that one session watches; a program has one for each folder that it shows. */
export const MAX_WATCHES_PER_SESSION = 1024;
/** Changes that are kept for one of them until the client asks: what Windows takes at most. */
export const MAX_NOTIFY_BUFFER_BYTES = 64 * KiB;
/** Files on the host that other programs write to and have open, of which nobody was told yet. */
export const MAX_UNSETTLED_WRITES = 4096;
/** Bytes of the kernel's news of the host that are taken at once: some 100,000 events. */
export const MAX_HOST_NEWS_BYTES = 4 * MiB;
/** Paths of directories on the host that are remembered: some 300 bytes each. */
export const MAX_HOST_PATHS = 16_384;
/**
 * Directories that inotify watches for the whole server; the kernel takes 1 KiB for each, and
 * fs.inotify.max_user_watches may allow fewer.
 */
export const MAX_HOST_DIRECTORIES = 65_536;

/** MS-SMB2 3.3.5.9.6: how long a DHnQ open is kept for its client; Windows 8 and later have 2 minutes. */
export const DURABLE_TIMEOUT_MS = 120_000;
/** 3.3.5.9.10: the same where DH2Q leaves the time to the server, as Windows Server 2012. */
export const DURABLE_V2_TIMEOUT_MS = 60_000;
/** 3.3.5.9.10: "whichever is smaller, the Timeout value in the request or 300 seconds". */
export const MAX_DURABLE_TIMEOUT_MS = 300_000;
/** The same for a client of Apple's: Time Machine asks for up to 16 minutes, and refuses a disk that cuts it. */
export const MAX_APPLE_DURABLE_TIMEOUT_MS = 960_000;
/** 3.3.5.15.9: MaxResiliencyTimeout, and the time where the client leaves it to the server; as Windows. */
export const MAX_RESILIENCY_TIMEOUT_MS = 300_000;
export const RESILIENCY_TIMEOUT_MS = 120_000;
/** How often disconnected opens are looked at; they stay that much longer at most. */
export const DURABLE_SCAVENGER_MS = 1_000;
/** Opens that one user leaves behind; each holds a descriptor, and a name that others want. */
export const MAX_DISCONNECTED_OPENS_PER_USER = 8_192;
/** The same of all users. */
export const MAX_DISCONNECTED_OPENS = 32_768;

/** Of the file that persistent opens are kept in: many times what MAX_DISCONNECTED_OPENS of them take. */
export const MAX_JOURNAL_BYTES = 1024 * MiB;
/** Of one of its values: an open with MAX_PERSISTENT_LOCKS and the longest of names takes a tenth. */
export const MAX_JOURNAL_VALUE_BYTES = 1 * MiB;
/** Byte-range locks of a persistent open: all of them are written again with each. */
export const MAX_PERSISTENT_LOCKS = 1_024;

/**
 * Durable opens that the keeper keeps over the end of the process that has them: when it ends all of them are
 * disconnected, and more than MAX_DISCONNECTED_OPENS are not kept.
 */
export const MAX_KEPT_OPENS = MAX_DISCONNECTED_OPENS;
/** Of one of them: three times what MAX_PERSISTENT_LOCKS take. It goes in one packet, of which the kernel takes 200 KiB. */
export const MAX_KEPT_VALUE_BYTES = 64 * KiB;
/** What the keeper needs of descriptors beside those of files. */
export const KEEPER_OWN_DESCRIPTORS = 64;
/** How long the server waits for a keeper that takes nothing; then it goes on without, until it takes something again. */
export const KEEPER_WAIT_MS = 1_000;

/** Change times that clients set, 200 bytes each; a copied tree has one a file, and nobody looks for long. */
export const MAX_KEPT_CHANGE_TIMES = 16_384;
/** Inodes whose extended attributes are remembered, 250 bytes each: those of a large directory, twice. */
export const MAX_KNOWN_ATTRIBUTES = 32_768;
/** Paths of a share that are remembered to be files', 150 bytes each as a rule: those that are opened again and again. */
export const MAX_KNOWN_FILES = 8_192;

/** How old a path may be that is only told; who moves a directory on the host waits longer to look again. */
export const TOLD_PATH_AGE_MS = 100;

/**
 * Threads of one device that does not answer at once: for what clients wait for, and for writes and syncs.
 * Each costs some 13 MiB while it is there.
 */
export const MAX_ASK_THREADS_PER_DEVICE = 8;
export const MAX_CHANGE_THREADS_PER_DEVICE = 4;
/** How long such a thread is kept that has nothing to do; a new one takes a tenth of a second or two. */
export const THREAD_IDLE_MS = 20_000;

/** Of a share on such a device: directories whose identity is remembered, some 250 bytes each. */
export const MAX_REMEMBERED_DIRECTORIES = 16_384;

/** Names that each thread of the pool keeps of directories it has read: some 15 MB. */
export const MAX_THREAD_CACHED_NAMES = 100_000;

/** Worker processes; their number is in 6 bits of each session id. */
export const MAX_WORKERS = 32;
/** Unsent to the owner or to a worker, after which no more is read from those who send it. */
export const CHANNEL_HIGH_WATER_BYTES = 8 * MiB;
/** The first message, by which a worker is chosen: a stranger's, who is not in any table yet. */
export const FIRST_MESSAGE_TIMEOUT_MS = 30_000;
/** A worker that starts has to say so, on a machine that is busy with others, too. */
export const WORKER_START_MS = 120_000;
/** A server that closes waits so long for requests: below the ten seconds that a shell's signal gives it. */
export const CONNECTIONS_END_MS = 8_000;
/** One that ends gets so long to see its clients off. */
export const WORKER_END_MS = 5_000;

/** How long a request runs before its client is told STATUS_PENDING (its own timer is 60 s). */
export const INTERIM_RESPONSE_MS = 1_000;

/** MS-SMB2 3.3.2.1: how long a holder has to acknowledge a break. */
export const OPLOCK_BREAK_TIMEOUT_MS = 35_000;
/** How long the peer's TCP has to acknowledge a notification before another channel is tried. */
export const BREAK_RETRY_MS = 1_000;

/** Connections of programs that read the metrics, at once. */
export const MAX_METRICS_CLIENTS = 8;
/** From the first byte of such a program's question to its last. */
export const METRICS_TIMEOUT_MS = 10_000;
/** Of its question's head. */
export const MAX_METRICS_HEAD_BYTES = 8 * 1024;

/** Programs that ask the server about itself at once, each over a connection of its own. */
export const MAX_CONTROL_CLIENTS = 16;
/** Such a program that neither asks nor takes its answer. */
export const CONTROL_TIMEOUT_MS = 30_000;
export const MAX_CONTROL_REQUEST_BYTES = 16 * KiB;
/** Above what the bounds on a page let an answer be. */
export const MAX_CONTROL_RESPONSE_BYTES = 4 * MiB;
/** Listings that one of them has begun and not read to their end. */
export const MAX_CONTROL_LISTINGS = 4;
/** Objects that are looked at for one page of a listing: some milliseconds, with the path of each. */
export const MAX_PAGE_RECORDS = 256;
/** Text in a page after which it ends. */
export const PAGE_TEXT_BYTES = 64 * KiB;
/** What a record tells of a path (PATH_MAX of Linux), and of a name; longer ones are cut. */
export const MAX_TOLD_PATH_BYTES = 4 * KiB;
export const MAX_TOLD_NAME_BYTES = 1 * KiB;
/** Byte ranges told of one open, tree connects and channels of one session. */
export const MAX_TOLD_RANGES = 64;
export const MAX_TOLD_TREES = 256;
export const MAX_TOLD_CHANNELS = 64;

/** What one plane asks the other at once: above the logins that connections without a session may try. */
export const MAX_LINK_QUESTIONS = 8_192;
/** One event between the planes: a megabyte of a pipe's answer, or a page of a listing. */
export const MAX_LINK_FRAME_BYTES = 4 * MiB;
/** Of a named pipe's data, what one event between the planes carries. */
export const MAX_LINK_PIPE_BYTES = 1 * MiB;
/** Processes of the data plane that one control plane serves. */
export const MAX_LINKS = 64;
/** How often the planes ask each other for a sign of life. */
export const HEARTBEAT_MS = 1_000;
/** Without one for so long a control plane hangs, and another takes its place; `ipc timeout` overrides. */
export const HEARTBEAT_LIMIT_MS = 10_000;
/** How long a login waits for a control plane that is not there; Windows gives up after 60 s. */
export const MOUNTD_WAIT_MS = 30_000;
/** How long one may take until it is ready: as for workers, a busy machine is no reason to begin again. */
export const MOUNTD_START_MS = 120_000;
/** What one that runs is told to do, to load its configuration anew for instance. */
export const MOUNTD_ORDER_MS = 30_000;
/** The process that announces the server: until it is ready, and until it has said goodbye. */
export const DISCOVERY_START_MS = 60_000;
export const DISCOVERY_END_MS = 3_000;
/** Of one that ends again and again: the longest pause before the next. */
export const MAX_DISCOVERY_PAUSE_MS = 60_000;
/** Until it has ended when it is told to. */
export const MOUNTD_END_MS = 3_000;
/** Of one that ends again and again: the longest pause before the next. */
export const MAX_MOUNTD_PAUSE_MS = 5_000;

/** Quotas that one request asks for or sets: each is a call of the kernel's, made while nobody else is served. */
export const MAX_QUOTAS_PER_REQUEST = 1024;

/** AAPL's question for the path of a file's id: names that are looked at, some two seconds of a disk's time. */
export const MAX_RESOLVED_NAMES = 100_000;
/** Directories that are remembered meanwhile; a path each. */
export const MAX_RESOLVED_DIRECTORIES = 20_000;
