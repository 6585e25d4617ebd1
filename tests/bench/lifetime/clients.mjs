// Many real clients that publish and listen, and an account of what they lived through: `node clients.mjs --help`.
import { parseArgs } from 'node:util';
import { load } from '../../clients/clients.mjs';
import { commands, main, report } from '../../clients/lines.mjs';
import { Account } from './account.mjs';
import { Member } from './member.mjs';

const HELP = `usage: node clients.mjs --url URL [--path /oursocketio] [--client 4|3|2] [--count 200] [--room 10] [--every 1000]
  [--transports websocket] [--origin ORIGIN] [--host HOST] [--prefix NAME] [--options JSON]

  --room     clients that share a room; each publishes to its own
  --every    milliseconds between two messages of one client
  --host     what the clients take the URL's host for
  --prefix   begins the names of the rooms, for several of these programs side by side

Connects all at once, says {"event": "connected"} when all are, then {"event": "second", ...} each second. On {"settle": true} the clients stop publishing and
wait for what is on its way, a minute at most, on {"close": true} they say {"event": "account", ...} and end:
  closes      WebSocket close codes and how often; attempts: the same of those that were never open
  returns     how many came back in each second since the start
  gaps        milliseconds from a close to the next connection: p50, p99, max; away: each of them
  latency     from publishing to a member, counted in classes: class n is 1.02 to the power of n, in milliseconds
  published, unconfirmed, errors, lost, duplicated, disordered; unannounced: lost, with neither an error nor a gap
`;

const PATIENCE = 60_000;

const { values: flags } = parseArgs({
  options: {
    url: { type: 'string' },
    path: { type: 'string', default: '/oursocketio' },
    client: { type: 'string', default: '4' },
    count: { type: 'string', default: '200' },
    room: { type: 'string', default: '10' },
    every: { type: 'string', default: '1000' },
    transports: { type: 'string', default: 'websocket' },
    origin: { type: 'string' },
    host: { type: 'string' },
    prefix: { type: 'string', default: 'room' },
    options: { type: 'string', default: '{}' },
    help: { type: 'boolean' },
  },
});

await main(async () => {
  if (flags.help) return void process.stdout.write(HELP);
  if (!flags.url) throw new Error('--url is missing');
  const count = Number(flags.count);
  const account = new Account();
  const { io } = load(flags.client, { refusals: (answer) => account.refused(answer), closes: (close) => account.closed(close) });
  const clients = Array.from({ length: count }, (_, index) => new Member(io, { ...flags, index }, account));
  await Promise.all(clients.map((client) => client.joined));
  account.start();
  report('connected', { count });
  clients.forEach((client) => client.publish(Number(flags.every)));
  const seconds = setInterval(() => report('second', account.second()), 1000);
  for await (const command of commands()) {
    if (command.settle) {
      clients.forEach((client) => client.stop());
      // What has not come by then is lost.
      const patience = new Promise((over) => setTimeout(over, PATIENCE));
      await Promise.race([Promise.all(clients.map((client) => client.settled())), patience]);
      report('settled');
    }
    if (command.close) break;
  }
  clearInterval(seconds);
  account.end();
  clients.forEach((client) => client.close());
  report('account', account.summary());
});
