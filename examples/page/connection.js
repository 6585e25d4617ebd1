// The connection: the client that must work across sites, and what it says about itself.
import { ofConnectError, ofDisconnect } from './rungs.js';

/** Where the server is: the page's query, else the `config.json` of the page's own site. */
export async function settings() {
  const query = new URLSearchParams(location.search);
  const given = { server: query.get('server'), path: query.get('path') };
  if (given.server && given.path) return given;
  const response = await fetch('config.json');
  const defaults = response.ok ? await response.json() : {};
  const server = given.server ?? defaults.server;
  if (!server) throw new Error('No server: open this page with ?server=https://… or serve a config.json beside it.');
  return { server, path: given.path ?? defaults.path ?? '/socket.io' };
}

/** Connects with WebSocket, and from the first failure on with polling too. `on` is told what changes. */
export function connect({ server, path }, on) {
  const socket = window.io(server, { path, transports: ['websocket'] });
  const tried = () => socket.io.opts.transports[0];
  socket.io.on('reconnect_attempt', () => {
    on.state('connecting');
    socket.io.opts.transports = ['polling', 'websocket'];
  });
  socket.on('connect', () => {
    const { engine } = socket.io;
    on.state('connected', engine.transport.name);
    engine.on('upgrade', (transport) => on.state('connected', transport.name));
  });
  socket.on('connect_error', (error) => {
    on.state('disconnected');
    on.trouble(ofConnectError(error, tried()));
  });
  socket.on('disconnect', (reason, details) => {
    on.state('disconnected');
    const trouble = ofDisconnect(reason, details);
    if (trouble) on.trouble(trouble);
  });
  return socket;
}

/** Emits and waits for the acknowledgement; an `error` in it is thrown. */
export async function ask(socket, event, ...args) {
  const answer = await socket.timeout(5000).emitWithAck(event, ...args);
  if (answer?.error) throw new Error(answer.error);
  return answer;
}
