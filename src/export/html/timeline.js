// The time line: a lane for each task, its attempts as bars in the colour of what became of them.

const LANE = 24;
/** What is left of the bars, for names. */
const gutterOf = (width) => (width < 640 ? 104 : 208);
/** Milliseconds between two marks of the scale. */
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500]
  .concat([1, 2, 5, 10, 15, 30].map((seconds) => seconds * 1000))
  .concat([1, 2, 5, 10, 15, 30].map((minutes) => minutes * 60000))
  .concat([1, 2, 3, 6, 12].map((hours) => hours * 3600000))
  .concat([1, 2, 7, 14, 30].map((days) => days * 86400000));

const stepFor = (millis, room) => STEPS.find((step) => (step / millis) * room >= 84) ?? STEPS.at(-1);

/** Names a mark by how long after the beginning it is. */
function markWords(offset, step) {
  if (offset === 0) return '0';
  const sign = offset < 0 ? '-' : '';
  const all = Math.abs(offset);
  if (step < 1000) return `${sign}${(all / 1000).toFixed(3).replace(/0+$/, '').replace(/\.$/, '')}s`;
  const parts = [[86400000, 'd'], [3600000, 'h'], [60000, 'm'], [1000, 's']];
  const said = parts.map(([unit, name], at) => {
    const number = Math.floor((at ? all % parts[at - 1][0] : all) / unit);
    return number ? `${number}${name}` : '';
  });
  return sign + said.filter(Boolean).join(' ');
}

/** Returns the first and the last moment at which something happened, with a little room. */
function wholeSpan(account) {
  const times = [];
  for (const task of account.tasks) {
    for (const attempt of task.attempts) times.push(millisOf(attempt.started_at), endOf(attempt));
  }
  for (const gate of account.gates) times.push(millisOf(gate.opened_at), millisOf(gate.decided?.at ?? account.run.last_at));
  for (const merge of account.merges) times.push(millisOf(merge.at));
  const start = millisOf(account.run.started_at ?? account.run.created_at);
  const [from, to] = times.reduce(([low, high], time) => [Math.min(low, time), Math.max(high, time)], [start, start + 10]);
  return { from, to: to + (to - from) * 0.015 };
}

const endOf = (attempt) => millisOf(attempt.ended_at ?? account.run.last_at);

/** Returns when all that a task depends on had ended; none where that is not known. */
function readyAt(task) {
  const ends = task.depends_on.map((id) => byId.get(id)?.ended_at);
  if (ends.some((end) => !end)) return null;
  return ends.length ? Math.max(...ends.map(millisOf)) : millisOf(account.run.started_at ?? account.run.created_at);
}

/** Where a moment is. */
function scaleOf(span, width) {
  const gutter = gutterOf(width);
  const room = Math.max(width - gutter - 12, 50);
  const at = (time) => gutter + ((time - span.from) / (span.to - span.from)) * room;
  const within = (time) => Math.min(Math.max(at(time), gutter), gutter + room);
  const when = (x) => span.from + ((x - gutter) / room) * (span.to - span.from);
  return { span, gutter, room, width, at, within, when };
}

function marks(scale, start) {
  const { from, to } = scale.span;
  const step = stepFor(to - from, scale.room);
  const all = [];
  for (let time = start + Math.ceil((from - start) / step) * step; time <= to; time += step) {
    all.push({ x: scale.at(time), words: markWords(time - start, step) });
  }
  return all;
}

const axis = (scale, start) =>
  marks(scale, start).map(({ x, words }) => draw('text', { class: 'mark', x: x.toFixed(1), y: 15, 'text-anchor': 'middle' }, words));

const grid = (scale, start, top, bottom) =>
  marks(scale, start).map(({ x }) => draw('line', { class: 'grid', x1: x.toFixed(1), x2: x.toFixed(1), y1: top, y2: bottom }));

/** Draws a span of time in a lane; nothing where it is out of sight. */
function bar(scale, from, to, attributes, least = 0) {
  const [left, right] = [scale.within(from), scale.within(to)];
  if (to < scale.span.from || from > scale.span.to) return null;
  return draw('rect', { ...attributes, x: left.toFixed(1), width: Math.max(right - left, least).toFixed(1) });
}

function lane(scale, task, top, striped) {
  const middle = top + LANE / 2;
  const kinds = ['lane', striped ? 'odd' : null, task.id === selected && !onPaper ? 'selected' : null];
  const parts = [draw('rect', { class: kinds.filter(Boolean).join(' '), y: top, width: scale.width, height: LANE, 'data-lane': task.id })];
  const letters = Math.floor((scale.gutter - 26) / 7);
  parts.push(draw('circle', { class: `dot ${task.state}`, cx: 10, cy: middle, r: 4 }));
  parts.push(draw('text', { class: 'name', x: 20, y: middle + 4, 'data-task': task.id }, clip(task.id, letters)));
  const thin = { y: middle - 1, height: 2 };
  const first = task.attempts[0];
  const ready = first ? readyAt(task) : null;
  if (ready !== null && ready < millisOf(first.started_at)) {
    parts.push(bar(scale, ready, millisOf(first.started_at), { ...thin, class: 'wait', 'data-task': task.id, 'data-wait': 'begin' }));
  }
  task.attempts.forEach((attempt, at) => {
    const next = task.attempts[at + 1];
    if (next) {
      const kind = { ...thin, class: 'wait', 'data-task': task.id, 'data-wait': 'again', 'data-attempt': attempt.number };
      parts.push(bar(scale, endOf(attempt), millisOf(next.started_at), kind));
    }
  });
  for (const gate of gatesOf.get(task.id) ?? []) {
    const end = gate.decided ? millisOf(gate.decided.at) : scale.span.to;
    const kind = { class: 'gate', y: top + 8, height: LANE - 16, rx: 2, 'data-task': task.id, 'data-gate': gate.id };
    parts.push(bar(scale, millisOf(gate.opened_at), end, kind, 3));
  }
  for (const attempt of task.attempts) parts.push(...attemptBar(scale, task, attempt, top));
  return parts;
}

function attemptBar(scale, task, attempt, top) {
  const [from, to] = [millisOf(attempt.started_at), endOf(attempt)];
  const names = { 'data-task': task.id, 'data-attempt': attempt.number };
  const parts = [bar(scale, from, to, { ...names, class: `bar ${attempt.state}`, y: top + 4, height: LANE - 8, rx: 2.5 }, 3)];
  for (const check of attempt.verifications.filter((check) => !check.cached)) {
    const ended = millisOf(check.at);
    const kind = { ...names, class: check.passed ? 'check passed' : 'check', y: top + LANE - 7, height: 3 };
    parts.push(bar(scale, ended - check.ending.millis, ended, kind, 1));
  }
  const [left, right] = [scale.within(from), scale.within(to)];
  const words = clip([attempt.number > 1 ? attempt.number : null, attempt.agent, duration(attempt.millis)].filter(Boolean).join(' '), Math.floor((right - left - 10) / 6.4));
  if (right - left > 46) parts.push(draw('text', { class: `inside ${attempt.state}`, x: (left + 6).toFixed(1), y: top + 16 }, words));
  return parts;
}

/** Draws when work was brought back. */
const mergeLines = (scale, top, bottom) =>
  account.merges.map((merge) => {
    const x = scale.at(millisOf(merge.at));
    const seen = x >= scale.gutter && x <= scale.gutter + scale.room;
    return seen ? draw('line', { class: 'merge', x1: x.toFixed(1), x2: x.toFixed(1), y1: top, y2: bottom }) : null;
  });

const byStart = (tasks) =>
  [...tasks].sort((a, b) => (a.started_at ? millisOf(a.started_at) : Infinity) - (b.started_at ? millisOf(b.started_at) : Infinity) || a.place - b.place);

function timelineLegend() {
  const seen = new Set(account.tasks.flatMap((task) => task.attempts.map((attempt) => attempt.state)));
  const key = (kind, words) => el('span', { class: `key ${kind}` }, words);
  return el('p', { class: 'keys' }, [...seen].map((state) => key(state, stateWords(state))), key('waits', 'waits'),
    account.gates.length ? key('gates', 'waits for a person') : null,
    account.merges.length ? key('merges', 'merged') : null, key('checks', 'verification'));
}

/** Makes the view that is zoomed and moved. */
function timeline(section) {
  const whole = wholeSpan(account);
  let [span, tasks, drag] = [{ ...whole }, [], null];
  const start = whole.from;
  const top = draw('svg', { class: 'axis', height: 22 });
  const body = draw('svg', { class: 'lanes' });
  const scroll = el('div', { class: 'scroll', tabindex: 0 }, body);
  const tools = el('div', { class: 'bar' }, timelineLegend(), el('span', { class: 'grow' }),
    el('span', { class: 'hint' }, 'ctrl + wheel zooms, drag moves'),
    nearerButtons((factor) => zoom(factor), () => reset()));
  put(section, tools, el('div', { class: 'frame' }, top, scroll));

  const scaleNow = () => scaleOf(span, Math.max(scroll.clientWidth, 240));

  function paint() {
    scroll.style.maxHeight = `${roomBelow(scroll, 320)}px`;
    const scale = scaleNow();
    const height = tasks.length * LANE;
    top.setAttribute('width', scale.width);
    put(top, axis(scale, start));
    fill(body, { width: scale.width, height }, []);
    const first = Math.max(Math.floor(scroll.scrollTop / LANE) - 2, 0);
    const last = Math.min(first + Math.ceil(scroll.clientHeight / LANE) + 5, tasks.length);
    const [above, below] = [first * LANE, last * LANE];
    const lanes = [];
    for (let at = first; at < last; at += 1) lanes.push(lane(scale, tasks[at], at * LANE, at % 2 === 1));
    const backs = lanes.map((parts) => parts.shift());
    put(body, backs, grid(scale, start, above, below), mergeLines(scale, above, below), lanes.flat());
  }

  function zoom(factor, about = null) {
    const scale = scaleNow();
    const middle = about === null ? (span.from + span.to) / 2 : scale.when(about);
    const most = whole.to - whole.from;
    const length = Math.min(Math.max((span.to - span.from) / factor, 5), most);
    const from = middle - ((middle - span.from) / (span.to - span.from)) * length;
    move({ from, to: from + length });
  }

  /** Shows another span, of what there is to be seen. */
  function move({ from, to }) {
    const length = to - from;
    const least = Math.min(Math.max(from, whole.from), whole.to - length);
    span = { from: least, to: least + length };
    paint();
  }

  const pan = (share) => {
    const by = (span.to - span.from) * share;
    move({ from: span.from + by, to: span.to + by });
  };

  function reset() {
    span = { ...whole };
    paint();
  }

  /** Scrolls to the lane of a task, and marks it. */
  function reveal(id) {
    const at = tasks.findIndex((task) => task.id === id);
    const [top, below] = [at * LANE, (at + 1) * LANE - scroll.clientHeight];
    if (at >= 0) scroll.scrollTop = Math.max(Math.min(scroll.scrollTop, top), below);
    paint();
    body.querySelector('.lane.selected')?.scrollIntoView({ block: 'nearest' });
  }

  const xOf = (event) => event.clientX - body.getBoundingClientRect().left;
  scroll.addEventListener('scroll', paint);
  scroll.addEventListener('wheel', (event) => {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      zoom(Math.exp(-event.deltaY / 300), xOf(event));
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      pan((event.shiftKey ? event.deltaY || event.deltaX : event.deltaX) / scaleNow().room);
    }
  }, { passive: false });
  body.addEventListener('pointerdown', (event) => {
    if (event.button === 0) drag = { x: event.clientX, span, moved: false };
  });
  window.addEventListener('pointermove', (event) => {
    if (!drag) return;
    const by = event.clientX - drag.x;
    drag.moved ||= Math.abs(by) > 4;
    if (!drag.moved) return;
    const millis = (by / scaleNow().room) * (drag.span.to - drag.span.from);
    move({ from: drag.span.from - millis, to: drag.span.to - millis });
  });
  window.addEventListener('pointerup', () => setTimeout(() => (drag = null)));
  body.addEventListener('click', (event) => {
    const id = event.target.dataset.task;
    if (id && !drag?.moved) openTask(id);
  });
  body.addEventListener('dblclick', (event) => {
    if (!event.target.dataset.task) reset();
  });
  body.addEventListener('pointermove', (event) => showTip(event, tipOf(event.target.dataset)));
  body.addEventListener('pointerleave', hideTip);
  window.addEventListener('resize', () => section.hidden || paint());

  return {
    show(matching) {
      tasks = byStart(account.tasks.filter((task) => matching(task.id)));
      paint();
    },
    zoom, pan, reset, reveal,
    order: () => tasks.map((task) => task.id),
    stage: scroll,
  };
}

/** Says what is under the pointer. */
function tipOf({ task: id, attempt: number, wait, gate: gateId }) {
  const task = byId.get(id);
  if (!task) return null;
  const gate = account.gates.find((gate) => String(gate.id) === gateId);
  if (gate) return [`${id}: gate ${gate.id}, ${gate.decided ? stateWords(gate.decided.decision) : 'open'}`, clip(gate.words, 200)];
  if (wait === 'begin') return [`${id} waits for its turn`, duration(millisOf(task.attempts[0].started_at) - readyAt(task))];
  const attempt = task.attempts.find((attempt) => String(attempt.number) === number);
  if (!attempt) return [`${id}: ${stateWords(task.state)}`, clip(task.reason || task.asked.text, 200)];
  const next = task.attempts.find((other) => other.number === attempt.number + 1);
  if (wait) return [`${id} waits for attempt ${next.number}`, duration(millisOf(next.started_at) - endOf(attempt)), clip(attempt.again?.reason ?? '', 200)];
  const figures = [duration(attempt.millis), `${tokens(tokensOf(attempt.usage))} tokens`, cost(attempt.usage.cost_usd)];
  return [
    `${id}: attempt ${attempt.number} of ${attempt.agent}, ${stateWords(attempt.state)}`,
    `${moment(attempt.started_at)} UTC   ${figures.join('   ')}`,
    clip(attempt.reason || attempt.summary, 200),
  ];
}

/** Draws all lanes in pieces that a sheet of paper has room for. */
function timelineOnPaper() {
  const span = wholeSpan(account);
  const scale = scaleOf(span, 1000);
  const tasks = byStart(account.tasks);
  const pieces = [];
  for (let first = 0; first < tasks.length; first += 40) {
    const some = tasks.slice(first, first + 40);
    const height = some.length * LANE;
    const lanes = some.map((task, at) => lane(scale, task, at * LANE, at % 2 === 1));
    const marked = [draw('g', {}, axis(scale, span.from)), draw('g', { transform: 'translate(0 22)' }, lanes.map((parts) => parts.shift()),
      grid(scale, span.from, 0, height), mergeLines(scale, 0, height), lanes.flat())];
    pieces.push(draw('svg', { class: 'lanes', viewBox: `0 0 1000 ${height + 24}` }, marked));
  }
  return [timelineLegend(), pieces];
}
