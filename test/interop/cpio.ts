/** Writes a cpio archive in the "newc" form that Linux takes as its initial RAM file system. */

const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;
const S_IFCHR = 0o020000;

export class Cpio {
  private readonly pieces: Buffer[] = [];
  private readonly folders = new Set<string>();
  private inode = 1;

  file(path: string, content: Uint8Array | string, mode = 0o644): void {
    this.parents(path);
    this.entry(path, S_IFREG | mode, Buffer.from(content));
  }

  link(path: string, target: string): void {
    this.parents(path);
    this.entry(path, S_IFLNK | 0o777, Buffer.from(target));
  }

  characterDevice(path: string, major: number, minor: number): void {
    this.parents(path);
    this.entry(path, S_IFCHR | 0o600, Buffer.alloc(0), major, minor);
  }

  folder(path: string): void {
    if (this.folders.has(path)) return;
    this.parents(path);
    this.folders.add(path);
    this.entry(path, S_IFDIR | 0o755, Buffer.alloc(0));
  }

  end(): Buffer {
    this.entry('TRAILER!!!', 0, Buffer.alloc(0));
    return Buffer.concat(this.pieces);
  }

  private parents(path: string): void {
    const slash = path.lastIndexOf('/');
    if (slash > 0) this.folder(path.slice(0, slash));
  }

  private entry(path: string, mode: number, content: Buffer, major = 0, minor = 0): void {
    const name = Buffer.from(`${path}\0`);
    const numbers = [
      this.inode++,
      mode,
      ...[0, 0, 1, 0], // uid, gid, links, time
      content.length,
      ...[0, 0, major, minor],
      name.length,
      0,
    ];
    const header = `070701${numbers.map((n) => n.toString(16).padStart(8, '0')).join('')}`;
    this.push(Buffer.concat([Buffer.from(header), name]));
    this.push(content);
  }

  /** Header with name, and content, each end at a multiple of four. */
  private push(bytes: Buffer): void {
    this.pieces.push(bytes, Buffer.alloc(-bytes.length & 3));
  }
}
