/** Who may do nothing in particular: overflowuid of the kernel. */
const NOBODY = 65_534;

/** A process of root's gives up what root has, for good; another one stays who it is. Loads nothing afterwards. */
export function becomeNobody(): void {
  if (process.geteuid?.() !== 0) return;
  process.setgroups!([]);
  process.setgid!(NOBODY);
  process.setuid!(NOBODY);
}
