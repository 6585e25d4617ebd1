// One JSON object a line: events to standard output, commands from standard input.
import { createInterface } from 'node:readline';

/** Writes one event. `at` is milliseconds since the program started. */
export function report(event, fields = {}) {
  process.stdout.write(JSON.stringify({ event, ...fields, at: Math.round(performance.now()) }) + '\n');
}

/** Yields commands until standard input ends, which it also does when the parent process is gone. A Buffer is written as JSON.stringify does. */
export async function* commands() {
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === '') continue;
    try {
      yield JSON.parse(line, buffers);
    } catch (error) {
      report('invalid_command', { message: error.message, line });
    }
  }
}

function buffers(_, value) {
  return value?.type === 'Buffer' ? Buffer.from(value.data) : value;
}

/** Runs a program to its end: what it throws is its last event, with exit status 1. */
export async function main(program) {
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  try {
    await program();
    // What is on its way, such as the goodbye of a client by polling, may leave; whatever else is open may not hold the end up.
    process.exitCode = 0;
    setTimeout(() => process.exit(), 1000).unref();
  } catch (error) {
    fail(error);
  }
}

function fail(error) {
  report('failed', { message: error?.stack ?? String(error) });
  process.exit(1);
}
