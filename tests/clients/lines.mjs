// One JSON object a line: events to standard output, commands from standard input.
import { createInterface } from 'node:readline';

/** Writes one event. `at` is milliseconds since the program started. */
export function report(event, fields = {}) {
  process.stdout.write(JSON.stringify({ event, ...fields, at: Math.round(performance.now()) }) + '\n');
}

/** Yields commands until standard input ends, which it also does when the parent process is gone. */
export async function* commands() {
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === '') continue;
    try {
      yield JSON.parse(line);
    } catch (error) {
      report('invalid_command', { message: error.message, line });
    }
  }
}

/** Runs a program to its end: what it throws is its last event, with exit status 1. */
export async function main(program) {
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  try {
    await program();
    process.exit(0);
  } catch (error) {
    fail(error);
  }
}

function fail(error) {
  report('failed', { message: error?.stack ?? String(error) });
  process.exit(1);
}
