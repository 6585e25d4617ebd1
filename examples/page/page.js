// The page: forms, log and presence. The connection itself is in connection.js.
import { ask, connect, settings } from './connection.js';

const element = (id) => document.getElementById(id);
const log = [];
/** What tests and a curious person in the console look at. */
const chat = (window.chat = { state: 'connecting', transport: null, room: null, members: null, trouble: null, troubles: [], log });

const show = {
  state(state, transport = null) {
    Object.assign(chat, { state, transport });
    element('state').textContent = state;
    element('state').dataset.state = state;
    element('transport').textContent = transport ? `by ${transport}` : '';
    enable();
    if (state === 'connected') element('trouble').hidden = true;
    else element('presence').textContent = element('round-trip').textContent = '';
  },
  trouble(trouble) {
    chat.trouble = trouble;
    chat.troubles.push(trouble);
    element('error').textContent = trouble.text;
    element('rung').textContent = trouble.rung;
    element('trouble').hidden = false;
  },
  room(room, members) {
    Object.assign(chat, { room, members });
    element('members').textContent = room ? `in ${room}, ${people(members)}` : '';
    enable();
  },
};

try {
  start(await settings());
} catch (error) {
  show.state('disconnected');
  show.trouble({ text: error.message, rung: 'Nothing was sent to any server.' });
}

function start({ server, path }) {
  element('here').textContent = location.origin;
  element('server').textContent = server + path;
  element('name').value = sessionStorage.getItem('name') ?? `guest-${Math.floor(Math.random() * 900 + 100)}`;
  element('room').value = 'lobby';
  const socket = (chat.socket = connect({ server, path }, show));

  socket.on('connect', attempt(async () => {
    // A new connection is in no room yet.
    if (chat.room) await join(chat.room);
    await count();
  }));
  socket.on('message', ({ room, from, data }) => write('message', { from, room, ...said(data) }));
  socket.on('broadcast', ({ from, data }) => write('broadcast', { from, room: 'everybody', ...said(data) }));
  socket.on('presence', ({ room, members }) => {
    if (room === chat.room) show.room(room, members);
    attempt(count)();
  });

  element('room-form').addEventListener('submit', attempt(async () => {
    const room = element('room').value.trim();
    sessionStorage.setItem('name', element('name').value);
    if (chat.room && chat.room !== room) await leave();
    await join(room);
    write('notice', { text: `you joined ${room}` });
    element('message').focus();
  }));
  element('leave').addEventListener('click', attempt(async () => {
    const { room } = chat;
    await leave();
    write('notice', { text: `you left ${room}` });
  }));
  element('message-form').addEventListener('submit', attempt(async (event) => {
    const data = { name: element('name').value, text: element('message').value };
    // Enter sends to the room when there is one.
    const toRoom = chat.room && event.submitter?.value !== 'broadcast';
    await (toRoom ? ask(socket, 'publish', { room: chat.room, data }) : ask(socket, 'broadcast', { data }));
    element('message').value = '';
    element('message').focus();
  }));
  element('echo').addEventListener('click', attempt(async () => {
    const began = performance.now();
    await ask(socket, 'echo', began);
    element('round-trip').textContent = `round trip ${(performance.now() - began).toFixed(1)} ms`;
  }));

  async function join(room) {
    const { members } = await ask(socket, 'join', { room });
    show.room(room, members);
  }
  async function leave() {
    await ask(socket, 'leave', { room: chat.room });
    show.room(null, null);
  }
  async function count() {
    element('presence').textContent = `${people((await ask(socket, 'presence', {})).count)} here`;
  }
}

function enable() {
  const connected = chat.state === 'connected';
  for (const id of ['join', 'broadcast', 'echo']) element(id).disabled = !connected;
  for (const id of ['leave', 'publish']) element(id).disabled = !connected || !chat.room;
}

function attempt(action) {
  return (event) => {
    event?.preventDefault?.();
    Promise.resolve(action(event)).catch((error) => write('notice', { text: `that did not work: ${error.message}` }));
  };
}

function write(kind, entry) {
  log.push({ kind, ...entry });
  const line = document.createElement('li');
  line.className = kind;
  const part = (name, text) => line.append(Object.assign(document.createElement('span'), { className: name, textContent: text }), ' ');
  if (kind !== 'notice') part('who', entry.name);
  part('text', entry.text);
  if (kind === 'broadcast') part('scope', 'to all');
  element('log').append(line);
  element('log').scrollTop = element('log').scrollHeight;
}

// What others publish need not come from this page.
function said(data) {
  const known = typeof data === 'object' && data !== null && typeof data.text === 'string';
  return known ? { name: String(data.name ?? 'somebody'), text: data.text } : { name: 'somebody', text: JSON.stringify(data) };
}

function people(count) {
  return count === 1 ? '1 person' : `${count} people`;
}
