// Words and figures as crew's commands say them, and how elements are made. Text becomes text, never HTML.

function duration(millis) {
  if (millis === null || millis === undefined) return '';
  const seconds = Math.floor(millis / 1000);
  const two = (number) => String(number).padStart(2, '0');
  if (seconds < 1) return `${Math.floor(millis)}ms`;
  if (seconds < 10) return `${(millis / 1000).toFixed(1)}s`;
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`;
  return `${Math.floor(seconds / 3600)}h ${two(Math.floor(seconds / 60) % 60)}m`;
}

function tokensOf(usage) {
  const known = [usage.input_tokens, usage.output_tokens, usage.cached_tokens].filter((count) => count !== undefined);
  return known.length ? known.reduce((sum, count) => sum + count, 0) : null;
}

function tokens(count) {
  if (count === null || count === undefined) return '~';
  if (count < 1e3) return String(count);
  return count < 1e6 ? `${(count / 1e3).toFixed(1)}k` : `${(count / 1e6).toFixed(1)}M`;
}

function cost(dollars) {
  if (dollars === null || dollars === undefined) return '~';
  return dollars > 0 && dollars < 0.01 ? '<$0.01' : `$${dollars.toFixed(2)}`;
}

function size(bytes) {
  const units = ['kB', 'MB', 'GB', 'TB'];
  let [unit, rest] = ['B', bytes];
  while (rest >= 1000 && units.length) [unit, rest] = [units.shift(), rest / 1000];
  return unit === 'B' ? `${bytes} B` : `${rest.toFixed(1)} ${unit}`;
}

const count = (number, noun) => (number === 1 ? `1 ${noun}` : `${number} ${noun}s`);

const stateWords = (state) => (state === 'awaiting_input' ? 'waiting for you' : state.replaceAll('_', ' '));

const millisOf = (time) => Date.parse(time);

/** Returns a time to the second: `2026-01-05 09:59:59`. */
const moment = (time) => time.slice(0, 19).replace('T', ' ');

const clip = (text, most) => (text.length > most ? `${text.slice(0, Math.max(most - 1, 0))}…` : text);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  // A string becomes a text node.
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ''));
  return node;
}

const el = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);

const draw = (name, attributes = {}, ...children) =>
  fill(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);

const badge = (state) => el('span', { class: `state ${state}` }, stateWords(state));

const taskLink = (id) => el('a', { href: `#task/${id}` }, id);

/** Makes what is pressed to zoom. */
function nearerButtons(zoom, reset) {
  const button = (words, title, act) => {
    const made = el('button', { type: 'button', class: 'plain', title }, words);
    made.addEventListener('click', act);
    return made;
  };
  return [button('−', 'Further (-)', () => zoom(1 / 1.5)), button('+', 'Nearer (+)', () => zoom(1.5)), button('Whole', 'All of it (0)', reset)];
}

/** Makes a table of rows of cells; a cell is a string, an element, or absent. */
function table(heads, rows, kind = '') {
  const cell = (content, at) => el('td', { class: heads[at].startsWith('#') ? 'n' : null }, content);
  const head = heads.map((words) => el('th', { scope: 'col', class: words.startsWith('#') ? 'n' : null }, words.replace('#', '')));
  const body = rows.map((row) => el('tr', {}, row.map(cell)));
  return el('div', { class: 'wide' }, el('table', { class: kind }, el('thead', {}, el('tr', {}, head)), el('tbody', {}, body)));
}

/** Returns the height that is left below the upper edge of an element, before anything is scrolled. */
function roomBelow(node, least) {
  return Math.max(window.innerHeight - node.getBoundingClientRect().top - window.scrollY - 24, least);
}

/** Takes what an element holds away, and puts this in its place. */
function put(node, ...children) {
  node.replaceChildren();
  return fill(node, {}, children);
}
