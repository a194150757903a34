// The page: which view is seen, the search, the keys, and one task beside them.

const byElementId = (id) => document.getElementById(id);
const account = JSON.parse(byElementId('account').textContent);
account.tasks.forEach((task, place) => (task.place = place));
const byId = new Map(account.tasks.map((task) => [task.id, task]));
const grouped = (entries, key) => entries.reduce((all, entry) => all.set(key(entry), [...(all.get(key(entry)) ?? []), entry]), new Map());
const gatesOf = grouped(account.gates, (gate) => gate.task);
const decisionOf = new Map((account.decisions ?? []).map((decision) => [decision.fingerprint, decision]));
const dependents = new Map();
for (const task of account.tasks) {
  for (const id of task.depends_on) {
    if (!dependents.has(id)) dependents.set(id, []);
    dependents.get(id).push(task.id);
  }
}

const VIEWS = ['tasks', 'timeline', 'graph', 'findings', 'decisions'];
const KEYS = [
  ['/', 'search'], ['1 to 5', 'another view; at its name, ← and → go to the next'], ['j k', 'the next task, the one before'], ['Enter', 'open the task'],
  ['Esc', 'close it, or search no more'], ['+ - 0', 'time line and graph: nearer, further, all of it'],
  ['← →', 'time line and graph: earlier, later'], ['↑ ↓', 'graph: higher, lower'], ['d', 'light or dark'], ['?', 'these keys'],
];

const rows = new Map(account.tasks.map((task) => [task.id, byElementId(`row-${task.id}`)]));
const [panel, tip, help, search, paper] = ['panel', 'tip', 'help', 'search', 'paper'].map(byElementId);
const made = new Map();
let view = 'tasks';
let selected = null;
/** What a task was opened from. */
let opener = null;
let sorted = { by: 'place', down: false };

// What is searched for, and the tasks that fit.

const statesWanted = new Set();
const haystacks = new Map();

/** Returns all texts within what was handed in, whatever fields it has. */
const textsIn = (value) => (value && typeof value === 'object' ? Object.values(value).flatMap(textsIn) : [String(value ?? '')]);

function saidOfFinding(finding) {
  const decided = decisionOf.get(finding.fingerprint);
  return [finding.file, finding.severity, finding.category, finding.title, finding.body, finding.quote, finding.suggestion, decided?.by, decided?.why];
}

const saidInAttempt = (attempt) => [
  attempt.agent, attempt.model, attempt.error_kind, attempt.reason, attempt.hint, attempt.ended, attempt.summary, attempt.session, attempt.unkept,
  attempt.again?.reason, attempt.prompt?.text, attempt.result?.text, attempt.log?.text, attempt.verification_output?.text,
  ...textsIn(attempt.submission), ...attempt.findings.flatMap(saidOfFinding), ...attempt.notes.map((note) => note.words),
  ...attempt.refusals.flatMap((refusal) => [refusal.code, refusal.reason]), ...attempt.verifications.map((check) => check.command),
  ...attempt.tools.flatMap((call) => [call.tool, call.arguments]), ...attempt.kept.map((kept) => kept.reference),
];

const saidAtGate = (gate) => [gate.words, gate.decided?.by, gate.decided?.answer, gate.decided?.note];

/** Returns all the words of a task in small letters; made when something is searched for first, since most readers never do. */
function haystack(task) {
  if (!haystacks.has(task.id)) {
    const { diff, dead_letter: letter } = task;
    const all = [task.id, task.role, task.agent, task.model, task.reviewer, stateWords(task.state), task.reason, task.error_kind, task.asked.text,
      task.tree?.branch, ...task.merged_into, ...task.verify, ...task.attempts.flatMap(saidInAttempt), ...task.turns.map((turn) => turn.words),
      ...(gatesOf.get(task.id) ?? []).flatMap(saidAtGate), letter?.by, letter?.note, letter?.last_error, letter?.tail,
      ...(diff?.files.flatMap((file) => [file.from, file.path]) ?? []), ...(diff?.notes ?? []), diff?.patch.text];
    haystacks.set(task.id, all.filter(Boolean).join('\n').toLowerCase());
  }
  return haystacks.get(task.id);
}

const searchedWords = () => search.value.toLowerCase().split(/\s+/).filter(Boolean);
const isNarrowed = () => searchedWords().length > 0 || statesWanted.size > 0;

function fitting() {
  const words = searchedWords();
  const fits = (task) => (!statesWanted.size || statesWanted.has(task.state)) && words.every((word) => haystack(task).includes(word));
  return new Set(account.tasks.filter(fits).map((task) => task.id));
}

let fits = new Set(byId.keys());

function narrow() {
  fits = fitting();
  for (const [id, row] of rows) row.hidden = !fits.has(id);
  byElementId('none').hidden = fits.size > 0;
  byElementId('shown').textContent = isNarrowed() ? `${fits.size} of ${byId.size}` : '';
  refresh();
}

// Views.

const makers = { timeline, graph, findings: findingsView, decisions: decisionsView };

function refresh() {
  if (view === 'tasks') return;
  if (!made.has(view)) made.set(view, makers[view](byElementId(`view-${view}`)));
  made.get(view).show((id) => fits.has(id), searchedWords());
}

function showView(name) {
  view = name;
  for (const other of VIEWS) byElementId(`view-${other}`).hidden = other !== name;
  for (const tab of document.querySelectorAll('[role=tab]')) {
    tab.setAttribute('aria-selected', tab.dataset.view === name);
    tab.tabIndex = tab.dataset.view === name ? 0 : -1;
  }
  hideTip();
  refresh();
  reveal();
}

// One task.

const openTask = (id) => (location.hash = `#task/${id}`);
const closeTask = () => (location.hash = `#${view}`);

function showTask(task) {
  const step = (words, title, by) => {
    const button = el('button', { type: 'button', class: 'plain', title }, words);
    button.addEventListener('click', () => select(by));
    return button;
  };
  const close = el('button', { type: 'button', class: 'plain', title: 'Close (Esc)', 'aria-label': 'Close' }, '×');
  close.addEventListener('click', closeTask);
  put(panel, el('header', {}, el('h2', {}, taskHead(task)), el('span', { class: 'grow' }), step('‹', 'The one before (k)', -1), step('›', 'The next (j)', 1), close), el('div', { class: 'body' }, taskBody(task)));
  if (panel.hidden) opener = document.activeElement;
  panel.hidden = false;
  panel.scrollTop = 0;
  mark(task.id);
  // So that the keys that scroll and Tab go on in it; what was pressed in it is no longer there.
  panel.focus({ preventScroll: true });
}

/** Closes the task; who was in it goes on where the task stands, or where it was opened. */
function hideTask() {
  const was = panel.contains(document.activeElement);
  panel.hidden = true;
  put(panel);
  if (!was) return;
  const stage = view === 'tasks' ? rows.get(selected)?.querySelector('a') : made.get(view)?.stage;
  (stage ?? opener)?.focus({ preventScroll: stage !== undefined && view !== 'tasks' });
}

function mark(id) {
  rows.get(selected)?.classList.remove('selected');
  selected = id;
  rows.get(id)?.classList.add('selected');
  reveal();
}

/** Brings the task that is marked into sight, in the view that is shown. */
function reveal() {
  if (!selected) return;
  if (view === 'tasks') rows.get(selected)?.scrollIntoView({ block: 'nearest' });
  else made.get(view)?.reveal?.(selected);
}

/** Goes to the task that is so many further, of those that are shown. */
function select(by) {
  const inTable = () => [...byElementId('table').tBodies[0].rows].filter((row) => !row.hidden).map((row) => row.id.slice('row-'.length));
  const order = made.get(view)?.order?.() ?? inTable();
  if (!order.length) return;
  const at = order.indexOf(selected);
  const next = order[Math.min(Math.max(at < 0 ? (by > 0 ? 0 : order.length - 1) : at + by, 0), order.length - 1)];
  if (!panel.hidden) return location.replace(`#task/${next}`);
  mark(next);
  // What was clicked before would take Enter for itself.
  const stage = view === 'tasks' ? rows.get(next).querySelector('a') : made.get(view)?.stage;
  if (stage) stage.focus({ preventScroll: true });
  else document.activeElement?.blur();
}

/** Shows what the address names. */
function follow() {
  const name = decodeURIComponent(location.hash.slice(1));
  const task = name.startsWith('task/') ? byId.get(name.slice('task/'.length)) : null;
  if (task) return showTask(task);
  if (VIEWS.includes(name) && name !== view) showView(name);
  hideTask();
}

// What is under the pointer.

function showTip(event, lines) {
  if (!lines) return hideTip();
  put(tip, lines.filter(Boolean).map((line, at) => el(at ? 'span' : 'b', {}, line)));
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(Math.min(event.clientX + 14, window.innerWidth - width - 8), 8)}px`;
  tip.style.top = `${event.clientY + 18 + height > window.innerHeight ? event.clientY - height - 10 : event.clientY + 18}px`;
}

function hideTip() {
  tip.hidden = true;
}

// The table.

const SORTS = {
  place: (task) => task.place, state: (task) => task.state, agent: (task) => task.agent, attempts: (task) => task.attempts.length,
  time: (task) => task.attempts.reduce((sum, attempt) => sum + (attempt.millis ?? 0), 0),
  tokens: (task) => tokensOf(task.usage) ?? -1, cost: (task) => task.usage.cost_usd ?? -1, start: (task) => task.started_at ?? '~',
};

function sort(by) {
  // What is counted is sorted by the most first.
  const first = ['attempts', 'time', 'tokens', 'cost'].includes(by);
  sorted = { by, down: sorted.by === by ? !sorted.down : first };
  const value = SORTS[by];
  const order = [...account.tasks].sort((a, b) => {
    const [left, right] = [value(a), value(b)];
    return (left < right ? -1 : left > right ? 1 : 0) * (sorted.down ? -1 : 1) || a.place - b.place;
  });
  byElementId('table').tBodies[0].append(...order.map((task) => rows.get(task.id)));
  for (const head of document.querySelectorAll('[data-sort]')) {
    head.setAttribute('aria-sort', head.dataset.sort !== by ? 'none' : sorted.down ? 'descending' : 'ascending');
  }
}

function sortable() {
  for (const head of document.querySelectorAll('[data-sort]')) {
    const button = el('button', { type: 'button' }, head.textContent);
    button.addEventListener('click', () => sort(head.dataset.sort));
    put(head, button);
  }
}

/** Makes switches of the states in the header. */
function legend() {
  for (const words of document.querySelectorAll('.legend [data-state]')) {
    const { state } = words.dataset;
    const button = el('button', { type: 'button', class: words.className, 'aria-pressed': 'false', title: `Only ${stateWords(state)}` }, words.textContent);
    button.addEventListener('click', () => {
      if (!statesWanted.delete(state)) statesWanted.add(state);
      button.setAttribute('aria-pressed', statesWanted.has(state));
      narrow();
    });
    words.replaceWith(button);
  }
}

// Light and dark, keys, paper.

function otherTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = dark ? 'light' : 'dark';
}

function showKeys() {
  const close = el('button', { type: 'button', class: 'plain', 'aria-label': 'Close' }, '×');
  close.addEventListener('click', () => help.close());
  put(help, el('header', {}, el('h2', {}, 'Keys'), el('span', { class: 'grow' }), close),
    el('dl', {}, KEYS.map(([keys, what]) => [el('dt', {}, keys.split(' ').map((key) => (key === 'to' ? ' to ' : el('kbd', {}, key)))), el('dd', {}, what)])),
    el('p', { class: 'quiet' }, 'On paper, what is folded stays so, but for what was handed in and found.'));
  help.showModal();
}

function escape() {
  if (!panel.hidden) return closeTask();
  if (search.value) {
    search.value = '';
    narrow();
  }
  search.blur();
}

/** Goes from one view's name to the next, as the keys of a row of tabs do. */
function pressTab(event) {
  const tabs = [...document.querySelectorAll('[role=tab]')];
  const at = tabs.indexOf(event.target);
  const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tabs.length - 1 }[event.key];
  if (at < 0 || next === undefined) return false;
  const tab = tabs[(next + tabs.length) % tabs.length];
  event.preventDefault();
  location.hash = `#${tab.dataset.view}`;
  tab.focus();
  return true;
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
  if (pressTab(event)) return;
  if (event.key === 'Escape') return escape();
  if (event.target === search) return event.key === 'Enter' ? search.blur() : undefined;
  const seen = made.get(view);
  const acts = {
    '/': () => search.focus(), '?': showKeys, d: otherTheme, j: () => select(1), k: () => select(-1),
    '+': () => seen?.zoom?.(1.5), '=': () => seen?.zoom?.(1.5), '-': () => seen?.zoom?.(1 / 1.5), 0: () => seen?.reset?.(),
  };
  // In a task, the arrows scroll that.
  if (panel.hidden && seen?.pan) Object.assign(acts, { ArrowLeft: () => seen.pan(-0.15), ArrowRight: () => seen.pan(0.15) });
  if (panel.hidden && seen?.rise) Object.assign(acts, { ArrowUp: () => seen.rise(-0.15), ArrowDown: () => seen.rise(0.15) });
  VIEWS.forEach((name, at) => (acts[at + 1] = () => (location.hash = `#${name}`)));
  const onControl = event.target.closest('a, button, summary');
  if (event.key === 'Enter' && !onControl && selected) acts.Enter = () => openTask(selected);
  const act = acts[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

function toPaper() {
  onPaper = true;
  const part = (title, ...content) => (content.flat().length ? el('section', {}, el('h2', {}, title), content) : null);
  put(paper, part('Time line', timelineOnPaper()), part('Graph', graphOnPaper()), part('Findings', findingsOnPaper()),
    el('section', {}, decisionsBody()), account.tasks.map((task) => el('section', { class: 'task' }, el('h2', {}, taskHead(task)), taskBody(task))));
  onPaper = false;
  paper.hidden = false;
}

function fromPaper() {
  paper.hidden = true;
  put(paper);
}

function begin() {
  byElementId('controls').hidden = false;
  sortable();
  legend();
  // Of all that there is, of which not all may be in the page.
  const { all } = account;
  for (const tab of document.querySelectorAll('[role=tab]')) {
    const number = { findings: all.findings, decisions: all.merges + all.gates }[tab.dataset.view];
    if (number) tab.append(' ', el('small', {}, String(number)));
    tab.addEventListener('click', () => (location.hash = `#${tab.dataset.view}`));
  }
  search.addEventListener('input', narrow);
  byElementId('theme').addEventListener('click', otherTheme);
  byElementId('keys').addEventListener('click', showKeys);
  byElementId('table').tBodies[0].addEventListener('click', (event) => {
    if (!event.target.closest('a') && !String(getSelection())) openTask(event.target.closest('tr').id.slice('row-'.length));
  });
  document.addEventListener('keydown', press);
  window.addEventListener('hashchange', follow);
  window.addEventListener('beforeprint', toPaper);
  window.addEventListener('afterprint', fromPaper);
  showView('tasks');
  follow();
}

begin();
