import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionPart, createLogger, type DebugComponent, FORKER_PART } from './log.ts';

function capture(format: 'json' | 'text', debug = new Set<DebugComponent>()) {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  return { lines, debug, log: createLogger({ destination, format, debug }) };
}

test('a line names its part, level and details', () => {
  const { lines, log } = capture('json');
  log.part(connectionPart(3, 50123)).info('hello', { port: 445 });
  const line = JSON.parse(lines[0]!) as Record<string, unknown>;
  assert.equal(line.part, 'usmbd/3(50123)');
  assert.equal(line.level, 'info');
  assert.equal(line.msg, 'hello');
  assert.equal(line.port, 445);
});

test('debug output follows its switch, in every part and at once', () => {
  const { lines, debug, log } = capture('json');
  const part = log.part('usmbd/1');
  part.debug('auth', 'unseen');
  assert.equal(part.debugs('auth'), false);
  debug.add('auth');
  assert.equal(part.debugs('auth'), true);
  part.debug('auth', 'seen');
  part.debug('smb', 'unseen');
  assert.equal(lines.length, 1);
  assert.equal((JSON.parse(lines[0]!) as Record<string, unknown>).component, 'auth');
});

test('secrets do not reach the log', () => {
  const { lines, log } = capture('json');
  log.error('oops', { password: 'tiger', user: { ntHash: 'beef', name: 'ann' } });
  assert.doesNotMatch(lines[0]!, /tiger|beef/);
  assert.match(lines[0]!, /ann/);
});

test('text for people is one line, whatever a peer sent', () => {
  const { lines, log } = capture('text');
  log.warn('a\u001b[31m\nb', { name: 'x\ny', n: 1 });
  assert.equal(lines.length, 1);
  assert.match(
    lines[0]!,
    /^\d\d:\d\d:\d\d\.\d{3} usmbd\/0 warn: a\\u001b\[31m\\nb name="x\\ny" n=1\n$/,
  );
  assert.equal(lines[0]!.split('\n').length, 2);
  assert.equal(FORKER_PART, 'usmbd/0');
});
