/**
 * A way to the server on which smbtorture can hold back what it sends on one of its connections. Where a test
 * wants that, it asks Samba's server by a request of Samba's own or, with `use_iptables`, calls a program
 * with the arguments of iptables (`-I CHAIN -p tcp --sport PORT -j DROP`, `-D` to undo it): here a program
 * that leaves a note. What is held back arrives later, as what TCP sends again.
 */
import {
  type FSWatcher,
  mkdtempSync,
  readdirSync,
  rmSync,
  unlinkSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PROGRAM = `#!/bin/sh
case "$*" in
*' --sport '*) ;;
*) exit 0 ;;
esac
port=\${*#* --sport }
note="$(dirname "$0")/note$1.\${port%% *}"
: > "$note"
while [ -e "$note" ]; do sleep 0.02; done
`;

/** The verb of iptables and the port. */
const NOTE = /^note-([ID])\.(\d+)$/;

export class CuttableWay {
  private readonly folder = mkdtempSync(join(tmpdir(), 'usmbd-cuttable-'));
  private readonly clients = new Map<number, Socket>();
  private readonly watcher: FSWatcher;
  private readonly server: Server;

  private constructor(host: string, port: number) {
    writeFileSync(this.program, PROGRAM, { mode: 0o755 });
    this.watcher = watch(this.folder, () => this.readNotes());
    this.server = createServer((client) => this.join(client, connect(port, host)));
  }

  static async open(host: string, port: number): Promise<CuttableWay> {
    const way = new CuttableWay(host, port);
    await new Promise<void>((resolve) => way.server.listen(0, '127.0.0.1', resolve));
    return way;
  }

  private get program(): string {
    return join(this.folder, 'iptables');
  }

  get port(): number {
    const address = this.server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Parameters of smbtorture. */
  get options(): readonly string[] {
    return ['use_iptables=yes', `iptables_command=${this.program}`];
  }

  private join(client: Socket, upstream: Socket): void {
    const port = client.remotePort ?? 0;
    this.clients.set(port, client);
    client.setNoDelay();
    upstream.setNoDelay();
    // Not piped: a pipe would go on by itself.
    client.on('data', (data) => upstream.write(data));
    upstream.on('data', (data) => client.write(data));
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    upstream.on('close', () => client.destroy());
    client.on('close', () => {
      if (this.clients.get(port) === client) this.clients.delete(port);
      upstream.destroy();
    });
  }

  private readNotes(): void {
    for (const name of readdirSync(this.folder)) {
      const [, verb, port] = NOTE.exec(name) ?? [];
      if (verb === undefined) continue;
      const client = this.clients.get(Number(port));
      if (verb === 'I') client?.pause();
      else client?.resume();
      unlinkSync(join(this.folder, name));
    }
  }

  close(): void {
    this.watcher.close();
    this.server.close();
    for (const client of this.clients.values()) client.destroy();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
