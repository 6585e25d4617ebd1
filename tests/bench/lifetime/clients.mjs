// Many real clients that publish and listen, and an account of what they lived through: `node clients.mjs --help`.
import { parseArgs } from 'node:util';
import { load } from '../../clients/clients.mjs';
import { commands, main, report } from '../../clients/lines.mjs';
import { Account } from './account.mjs';

const HELP = `usage: node clients.mjs --url URL [--path /oursocketio] [--client 4|3|2] [--count 200] [--room 10] [--every 1000]
  [--transports websocket] [--origin ORIGIN] [--prefix NAME] [--options JSON]

  --room     clients that share a room; each publishes to its own
  --every    milliseconds between two messages of one client
  --prefix   begins the names of the rooms, for several of these programs side by side

Connects all at once, says {"event": "connected"} when all are, then {"event": "second", ...} each second. On {"settle": true} the clients stop publishing and
wait for what is on its way, on {"close": true} they say {"event": "account", ...} and end:
  closes      WebSocket close codes and how often
  returns     how many came back in each second since the start
  gaps        milliseconds from a close to the next connection: p50, p99, max
  published, unconfirmed, lost, duplicated, disordered, repeated
`;

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
  const clients = Array.from({ length: count }, (_, index) => new Member(io, index, account));
  await Promise.all(clients.map((client) => client.joined));
  account.start();
  report('connected', { count });
  clients.forEach((client) => client.publish(Number(flags.every)));
  const seconds = setInterval(() => report('second', account.second()), 1000);
  for await (const command of commands()) {
    if (command.settle) {
      clients.forEach((client) => client.stop());
      await Promise.all(clients.map((client) => client.settled()));
      report('settled');
    }
    if (command.close) break;
  }
  clearInterval(seconds);
  account.end();
  clients.forEach((client) => client.close());
  report('account', account.summary());
});

/** One client. What it publishes is numbered and has an id, and is sent again when its acknowledgement did not come: the server knows it by then, or not. */
class Member {
  constructor(io, index, account) {
    this.account = account;
    this.name = `${flags.prefix}-${index}`;
    this.room = `${flags.prefix}-${Math.floor(index / Number(flags.room))}`;
    this.open = new Map();
    this.number = 0;
    const extraHeaders = flags.origin ? { Origin: flags.origin } : {};
    const options = { path: flags.path, transports: flags.transports.split(','), extraHeaders, forceNew: true };
    this.socket = io(flags.url, { ...options, ...JSON.parse(flags.options) });
    this.joined = new Promise((joined) => this.socket.on('connect', () => this.connected(joined)));
    this.socket.on('disconnect', (reason) => account.left(this.name, reason));
    this.socket.on('message', ({ data }) => account.heard(this.name, data));
    this.socket.on('realtime:gap', ({ reason }) => account.gap(reason));
  }

  connected(joined) {
    this.account.came(this.name, this.socket.recovered);
    const open = [...this.open.values()];
    if (this.socket.recovered) return open.forEach((message) => this.send(message));
    this.socket.emit('join', { room: this.room }, () => {
      this.account.joins(this.room, this.name);
      joined();
      open.forEach((message) => this.send(message));
    });
  }

  publish(every) {
    const start = setTimeout(() => {
      this.timer = setInterval(() => this.next(), every);
    }, Math.random() * every);
    this.timer = start;
  }

  next() {
    const message = { from: this.name, number: ++this.number };
    this.open.set(message.number, message);
    this.account.publishes(this.room, message);
    if (this.socket.connected) this.send(message);
  }

  send(message) {
    const id = `${this.name}-${message.number}`;
    this.socket.emit('publish', { room: this.room, data: message, id }, (answer) => {
      if (answer?.error) return this.account.failed(answer.error);
      this.open.delete(message.number);
      this.account.confirmed(this.room, message);
    });
  }

  stop() {
    clearTimeout(this.timer);
    clearInterval(this.timer);
  }

  async settled() {
    while (this.open.size > 0 || !this.account.isComplete(this.name, this.room)) {
      await new Promise((later) => setTimeout(later, 100));
    }
  }

  close() {
    this.stop();
    this.socket.close();
  }
}
