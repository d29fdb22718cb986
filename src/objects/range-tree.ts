/**
 * Ranges of bytes, many of which may overlap, each with the number of its owner: a treap ordered by
 * offset, then last byte, then owner. Finding one that overlaps a given range, of anybody or of
 * anybody but one owner, costs no more than finding a known one: O(log n), whatever they look like.
 *
 * For that each node keeps how far the ranges below it reach, and how far those reach that belong to
 * anybody else than the owner of the farthest. If what is left of a node reaches the wanted range, the
 * overlap is there or nowhere: whatever stands farther right begins behind the range, too.
 */

/** Before the last byte of any range: an empty range at 0 has -1. */
const NOWHERE = -2n;
const NOBODY = 0;

export class RangeNode {
  readonly offset: bigint;
  /** One less than `offset` in an empty range. */
  readonly last: bigint;
  readonly ownerId: number;
  left: this | undefined;
  right: this | undefined;
  /** Random: keeps the tree flat whatever order a client chooses. */
  readonly priority = Math.random();
  farthest: bigint;
  farthestId: number;
  /** Of the ranges that are not `farthestId`'s. */
  secondFarthest = NOWHERE;

  /** Owners are counted from 1. */
  constructor(offset: bigint, last: bigint, ownerId: number) {
    this.offset = offset;
    this.last = last;
    this.ownerId = ownerId;
    this.farthest = last;
    this.farthestId = ownerId;
  }

  /** How far the ranges from here down reach, without those of one owner. */
  reach(exceptId: number): bigint {
    return this.farthestId === exceptId ? this.secondFarthest : this.farthest;
  }

  overlaps(offset: bigint, last: bigint): boolean {
    return this.offset <= last && this.last >= offset;
  }
}

export class RangeTree<Node extends RangeNode> {
  #root: Node | undefined;

  /** Where the first range begins. */
  get start(): bigint | undefined {
    let node = this.#root;
    while (node?.left !== undefined) node = node.left;
    return node?.offset;
  }

  /** No equal range of the same owner may be there. */
  add(node: Node): void {
    this.#root = add(this.#root, node);
  }

  delete(node: Node): void {
    this.#root = remove(this.#root, node);
  }

  find(offset: bigint, last: bigint, ownerId: number): Node | undefined {
    let node = this.#root;
    while (node !== undefined) {
      const order = compare(offset, last, ownerId, node);
      if (order === 0) return node;
      node = order < 0 ? node.left : node.right;
    }
    return undefined;
  }

  /** Some range that overlaps; those of `exceptId` do not count. */
  findOverlap(offset: bigint, last: bigint, exceptId = NOBODY): Node | undefined {
    let node = this.#root;
    while (node !== undefined && node.reach(exceptId) >= offset) {
      const { left } = node;
      if (left !== undefined && left.reach(exceptId) >= offset) {
        node = left;
        continue;
      }
      if (node.offset > last) return undefined;
      if (node.ownerId !== exceptId && node.last >= offset) return node;
      node = node.right;
    }
    return undefined;
  }
}

function compare(offset: bigint, last: bigint, ownerId: number, node: RangeNode): number {
  if (offset !== node.offset) return offset < node.offset ? -1 : 1;
  if (last !== node.last) return last < node.last ? -1 : 1;
  return ownerId - node.ownerId;
}

const isBefore = (a: RangeNode, b: RangeNode): boolean =>
  compare(a.offset, a.last, a.ownerId, b) < 0;

function add<Node extends RangeNode>(root: Node | undefined, node: Node): Node {
  if (root === undefined) return refreshed(node);
  if (node.priority > root.priority) {
    [node.left, node.right] = split(root, node);
    return refreshed(node);
  }
  if (isBefore(node, root)) root.left = add(root.left, node);
  else root.right = add(root.right, node);
  return refreshed(root);
}

/** What stands before `at` and what behind it. */
function split<Node extends RangeNode>(
  root: Node | undefined,
  at: Node,
): [Node | undefined, Node | undefined] {
  if (root === undefined) return [undefined, undefined];
  if (isBefore(at, root)) {
    const [before, behind] = split(root.left, at);
    root.left = behind;
    return [before, refreshed(root)];
  }
  const [before, behind] = split(root.right, at);
  root.right = before;
  return [refreshed(root), behind];
}

function remove<Node extends RangeNode>(root: Node | undefined, node: Node): Node | undefined {
  if (root === undefined) return undefined;
  if (root === node) return joined(root.left, root.right);
  if (isBefore(node, root)) root.left = remove(root.left, node);
  else root.right = remove(root.right, node);
  return refreshed(root);
}

/** All of `a` stands before all of `b`. */
function joined<Node extends RangeNode>(
  a: Node | undefined,
  b: Node | undefined,
): Node | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  if (a.priority > b.priority) {
    a.right = joined(a.right, b);
    return refreshed(a);
  }
  b.left = joined(a, b.left);
  return refreshed(b);
}

function refreshed<Node extends RangeNode>(node: Node): Node {
  node.farthest = node.last;
  node.farthestId = node.ownerId;
  node.secondFarthest = NOWHERE;
  for (const child of [node.left, node.right]) {
    if (child === undefined) continue;
    note(node, child.farthest, child.farthestId);
    // Another's, or not farther than what was noted just now.
    if (child.secondFarthest > node.secondFarthest) node.secondFarthest = child.secondFarthest;
  }
  return node;
}

function note(node: RangeNode, last: bigint, ownerId: number): void {
  if (ownerId === node.farthestId) {
    if (last > node.farthest) node.farthest = last;
  } else if (last > node.farthest) {
    node.secondFarthest = node.farthest;
    node.farthest = last;
    node.farthestId = ownerId;
  } else if (last > node.secondFarthest) {
    node.secondFarthest = last;
  }
}
