"""Every subcommand of smbinfo on a file and a folder of a mount, in one process: Python takes seconds to begin in a guest
that is emulated. Prints "CASE TEXT" for each, lines of TEXT parted by "~"; and what ioctls tell that smbinfo has not got."""
import array, contextlib, fcntl, importlib.machinery, importlib.util, io, os, struct, sys

program, folder = sys.argv[1:3]
loader = importlib.machinery.SourceFileLoader('smbinfo', program)
smbinfo = importlib.util.module_from_spec(importlib.util.spec_from_loader('smbinfo', loader))
loader.exec_module(smbinfo)

COMMANDS = ['fileaccessinfo', 'filealigninfo', 'fileallinfo', 'filebasicinfo', 'fileeainfo', 'filefsfullsizeinfo',
            'fileinternalinfo', 'filemodeinfo', 'filepositioninfo', 'filestandardinfo', 'filestreaminfo',
            'fsctl-getobjid', 'getcompression', 'list-snapshots', 'quota', 'secdesc', 'keys']


def said(arguments):
    out = io.StringIO()
    sys.argv = [program] + arguments
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            smbinfo.main()
        except SystemExit as end:
            print('exit', end.code)
        except Exception as fault:
            print('fault', repr(fault))
    return out.getvalue()


def tell(name, text):
    print(name, '~'.join(line.rstrip() for line in text.split('\n')))


def tcon_info(path):
    """CIFS_IOC_GET_TCON_INFO: tree id and session id, one each of the mount."""
    taken = array.array('B', bytes(12))
    file = os.open(path, os.O_RDONLY)
    try:
        fcntl.ioctl(file, 0x800ccf0c, taken, True)
        tree, session = struct.unpack('<IQ', taken)
        return 'tree %s session %s' % ('some' if tree else 'none', 'some' if session else 'none')
    except OSError as fault:
        return str(fault)
    finally:
        os.close(file)


for subject in ['file', 'tree']:
    path = os.path.join(folder, subject)
    for command in COMMANDS:
        tell('%s:%s' % (command, subject), said(['-V', command, path]))
    for kind in ['no', 'default', 'lznt1']:
        tell('setcompression-%s:%s' % (kind, subject), said(['setcompression', kind, path]))
    tell('gettconinfo:%s' % subject, tcon_info(path))
tell('version', said(['-h']))
