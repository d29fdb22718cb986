/** A running server, asked by a command over its control socket; what goes wrong is said with a way out. */
import { serverProcess } from '../base/state-directory.ts';
import { type ControlClient, ControlError, connectControl } from '../ipc/control-client.ts';
import { CONTROL_VERSION } from '../ipc/events.ts';
import { CommandError } from './command-error.ts';

/** As init scripts say that a program is not running (LSB 4.1, 20.2). */
const EXIT_NOT_RUNNING = 3;

/** Throws CommandError where the server cannot be asked. */
export async function withServer<T>(
  statePath: string,
  work: (server: ControlClient) => Promise<T>,
): Promise<T> {
  try {
    const server = await connectControl(statePath);
    try {
      return await work(server);
    } finally {
      server.close();
    }
  } catch (error) {
    if (error instanceof ControlError) throw explained(error, statePath);
    throw error;
  }
}

function explained(error: ControlError, statePath: string): CommandError {
  const options = { cause: error };
  switch (error.problem) {
    case 'no-server': {
      const pid = serverProcess(statePath);
      const text = `no server is running with the state folder ${statePath}`;
      if (pid === undefined) {
        const hint = 'name the one given to "usmbd serve" with --state FOLDER';
        const sudo =
          process.geteuid?.() === 0 ? '' : ', or ask as root for a server of root (sudo)';
        return new CommandError(`${text}; ${hint}${sudo}`, {
          ...options,
          exitStatus: EXIT_NOT_RUNNING,
        });
      }
      return new CommandError(
        `process ${pid} is a server with the state folder ${statePath}, but has no control socket; its log says why`,
        options,
      );
    }
    case 'forbidden':
      return new CommandError(
        `the state folder ${statePath} is another user's; ask as that user or as root (sudo)`,
        options,
      );
    case 'silent':
      return new CommandError(`the server of ${statePath} does not answer`, options);
    case 'version':
      return new CommandError(
        `the server of ${statePath} is another version of usmbd (control protocol ${error.version}, here ${CONTROL_VERSION}); ask with the one that it runs`,
        options,
      );
    case 'not-ready':
    case 'lost':
      return new CommandError(`the server of ${statePath} is starting or ending`, options);
    default:
      return new CommandError(`the server of ${statePath} answers ${error.problem}`, options);
  }
}
