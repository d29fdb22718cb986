/** The directories that inotify watches, as a tree for each share: a rename moves one node. */
import type { LocalShare } from '../share.ts';

export class DirectoryNode {
  readonly share: LocalShare;
  /** On disk; empty for the share's folder. */
  name: string;
  /** Undefined for the share's folder, and for a directory that was removed. */
  parent: DirectoryNode | undefined;
  readonly children = new Map<string, DirectoryNode>();
  /** inotify's; -1 for none. */
  wd = -1;
  /** Device and inode. */
  inodeKey = '';
  /** Watches of this directory alone. */
  flat = 0;
  /** Watches of it and all below. */
  trees = 0;
  readonly isRoot: boolean;

  constructor(share: LocalShare, name = '', parent?: DirectoryNode) {
    this.share = share;
    this.name = name;
    this.parent = parent;
    this.isRoot = parent === undefined;
    parent?.children.set(name, this);
  }

  /** Still part of the share's tree. */
  get isAttached(): boolean {
    let node: DirectoryNode = this;
    while (node.parent !== undefined) node = node.parent;
    return node.isRoot;
  }

  /** Some watch wants all that is below. */
  get isInTree(): boolean {
    for (let node: DirectoryNode | undefined = this; node !== undefined; node = node.parent) {
      if (node.trees > 0) return true;
    }
    return false;
  }

  /** The names from the share's folder to this directory, on disk. */
  get path(): string[] {
    const path: string[] = [];
    for (let node: DirectoryNode = this; node.parent !== undefined; node = node.parent) {
      path.unshift(node.name);
    }
    return path;
  }

  /** Nobody needs it: neither it nor what is above or below is watched for its sake. */
  get isIdle(): boolean {
    return this.flat === 0 && this.children.size === 0 && !this.isInTree;
  }

  moveTo(parent: DirectoryNode, name: string): void {
    this.detach();
    this.parent = parent;
    this.name = name;
    parent.children.set(name, this);
  }

  detach(): void {
    if (this.parent?.children.get(this.name) === this) this.parent.children.delete(this.name);
    this.parent = undefined;
  }

  /** This one and all below, upper ones first. */
  *all(): Generator<DirectoryNode> {
    yield this;
    for (const child of [...this.children.values()]) yield* child.all();
  }
}
