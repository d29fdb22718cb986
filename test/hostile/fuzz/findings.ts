/** What a run has seen: how much was sent, what came back, and what must not have been. */

export class Findings {
  sent = 0;
  /** Of those, before authentication. */
  fromStrangers = 0;
  connections = 0;
  readonly statuses = new Map<number, number>();
  /** What is wrong with the server, each kind with an example and how often. */
  readonly problems = new Map<string, { count: number; example: string }>();

  answered(status: number): void {
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
  }

  problem(kind: string, example: string): void {
    const known = this.problems.get(kind);
    if (known === undefined) this.problems.set(kind, { count: 1, example });
    else known.count += 1;
  }

  summary(): string {
    const statuses = [...this.statuses]
      .sort(([, a], [, b]) => b - a)
      .slice(0, 25)
      .map(([status, count]) => `  0x${status.toString(16).padStart(8, '0')} ${count}`);
    const problems = [...this.problems].map(
      ([kind, { count, example }]) => `  ${count} times: ${kind}\n    ${example}`,
    );
    return [
      `${this.sent} messages (${this.fromStrangers} before authentication) on ${this.connections} connections; answers:`,
      ...statuses,
      problems.length === 0 ? 'No problems.' : 'PROBLEMS:',
      ...problems,
    ].join('\n');
  }
}
