// Plain enough for every Node that knows ES modules, so that one that is too old can say so.

const NEEDED = { major: 22, minor: 12 };

/** Runs the command `name` of src/cli/main.ts: the source in a clone, what was built from it in a package. */
export async function launch(name) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < NEEDED.major || (major === NEEDED.major && minor < NEEDED.minor)) {
    const needed = `${NEEDED.major}.${NEEDED.minor}`;
    fail(`needs Node.js ${needed} or newer; ${process.execPath} is ${process.versions.node}`);
    return;
  }
  const main = await findMain();
  if (main === undefined) {
    fail('is not built; "npm run build" builds it');
    return;
  }
  const { commands } = await import(main);
  // At once: a client that lingers must not keep an ended server's process.
  process.exit(await commands[name](process.argv.slice(2)));
}

async function findMain() {
  const { existsSync } = await import('node:fs');
  const candidates = process.features.typescript ? ['../src/cli/main.ts'] : [];
  return [...candidates, '../dist/cli/main.js']
    .map((path) => new URL(path, import.meta.url))
    .filter((url) => existsSync(url))
    .map((url) => url.href)[0];
}

function fail(message) {
  console.error(`usmbd ${message}`);
  process.exitCode = 1;
}
