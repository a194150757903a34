// The graph of tasks: what depends on what, from left to right, in the colour of what became of each.

const NODE = { width: 176, height: 38, gapX: 54, gapY: 12 };
/** The height of a place that only a line goes through. */
const THROUGH = 10;
/** A column with more tasks than this is broken into several, and lines go straight. */
const COLUMN = 40;
/** How many places lines may go through in all, before they go straight. */
const MOST_THROUGH = 6000;

/** Returns the tasks' columns: each is one to the right of the last that it depends on. */
function columnsOf(tasks) {
  const column = new Map();
  const open = new Set();
  // With a stack of its own: a chain may be longer than what calls may be nested.
  for (const task of tasks) {
    const stack = [task];
    while (stack.length) {
      const top = stack.at(-1);
      const before = top.depends_on.map((id) => byId.get(id)).filter(Boolean);
      const missing = before.filter((task) => !column.has(task.id) && !open.has(task.id));
      open.add(top.id);
      if (missing.length && !column.has(top.id)) {
        stack.push(...missing);
        continue;
      }
      const places = before.map((task) => column.get(task.id) ?? -1);
      if (!column.has(top.id)) column.set(top.id, Math.max(-1, ...places) + 1);
      stack.pop();
    }
  }
  return column;
}

/** Places tasks, and the lines between them. */
function layout(tasks) {
  const column = columnsOf(tasks);
  const nodes = new Map(tasks.map((task) => [task.id, { task, column: column.get(task.id), height: NODE.height, before: [], after: [] }]));
  const layers = [];
  for (const node of nodes.values()) (layers[node.column] ??= []).push(node);
  const edges = tasks.flatMap((task) => task.depends_on.filter((id) => nodes.has(id)).map((id) => [nodes.get(id), nodes.get(task.id)]));
  const through = edges.reduce((sum, [from, to]) => sum + Math.max(to.column - from.column - 1, 0), 0);
  const straight = layers.some((layer) => layer.length > COLUMN) || through > MOST_THROUGH;
  const routes = edges.map(([from, to]) => (straight ? join([from, to]) : join(waypoints(layers, from, to))));
  order(layers);
  if (straight) broken(layers);
  else spread(layers);
  return { nodes, routes };
}

function waypoints(layers, from, to) {
  const way = [from];
  for (let column = from.column + 1; column < to.column; column += 1) {
    const point = { column, height: THROUGH, before: [], after: [] };
    layers[column].push(point);
    way.push(point);
  }
  return [...way, to];
}

function join(way) {
  for (let at = 1; at < way.length; at += 1) {
    way[at - 1].after.push(way[at]);
    way[at].before.push(way[at - 1]);
  }
  return way;
}

/** Sorts each column so that few lines cross: a task stands near the middle of what it is joined to. */
function order(layers) {
  const number = (layer) => layer.forEach((node, at) => (node.rank = at / Math.max(layer.length, 1)));
  const sort = (layer, side) => {
    for (const node of layer) {
      const beside = node[side];
      node.middle = beside.length ? beside.reduce((sum, other) => sum + other.rank, 0) / beside.length : node.rank;
    }
    layer.sort((a, b) => a.middle - b.middle);
    number(layer);
  };
  layers.forEach(number);
  for (let turn = 0; turn < 6; turn += 1) {
    layers.forEach((layer) => sort(layer, 'before'));
    [...layers].reverse().forEach((layer) => sort(layer, 'after'));
  }
}

/** Gives each a place: in the order of its column, as near to what it is joined to as there is room. */
function spread(layers) {
  const stack = (layer) => {
    let y = 0;
    for (const node of layer) {
      [node.x, node.y] = [node.column * (NODE.width + NODE.gapX), y];
      y += node.height + NODE.gapY;
    }
  };
  layers.forEach(stack);
  const middle = (node) => node.y + node.height / 2;
  const mean = (nodes) => nodes.reduce((sum, node) => sum + middle(node), 0) / nodes.length;
  const settle = (layer, side) => {
    const wanted = layer.map((node) => (node[side].length ? mean(node[side]) - node.height / 2 : node.y));
    // Down once and up once; the middle of both overlaps nowhere, since each keeps the distances.
    const down = [];
    layer.forEach((node, at) => (down[at] = at ? Math.max(wanted[at], down[at - 1] + layer[at - 1].height + NODE.gapY) : wanted[at]));
    const up = [];
    for (let at = layer.length - 1; at >= 0; at -= 1) {
      up[at] = at === layer.length - 1 ? wanted[at] : Math.min(wanted[at], up[at + 1] - layer[at].height - NODE.gapY);
    }
    layer.forEach((node, at) => (node.y = (down[at] + up[at]) / 2));
  };
  for (let turn = 0; turn < 4; turn += 1) {
    layers.forEach((layer) => settle(layer, 'before'));
    [...layers].reverse().forEach((layer) => settle(layer, 'after'));
  }
  layers.forEach((layer) => settle(layer, 'before'));
}

/** Breaks long columns. */
function broken(layers) {
  let x = 0;
  for (const layer of layers) {
    const columns = Math.ceil(layer.length / COLUMN);
    const rows = Math.ceil(layer.length / columns);
    layer.forEach((node, at) => {
      node.x = x + Math.floor(at / rows) * (NODE.width + 14);
      node.y = (at % rows) * (NODE.height + NODE.gapY);
    });
    x += columns * (NODE.width + 14) + NODE.gapX;
  }
}

function pathOf(way) {
  const points = way.map((node, at) => {
    const y = node.y + node.height / 2;
    if (at === 0) return [[node.x + NODE.width, y]];
    return node.task ? [[node.x, y]] : [[node.x, y], [node.x + NODE.width, y]];
  }).flat();
  return points.reduce((path, [x, y], at) => {
    if (at === 0) return `M${x} ${y.toFixed(1)}`;
    const [fromX, fromY] = points[at - 1];
    const half = (fromX + x) / 2;
    return `${path}C${half} ${fromY.toFixed(1)} ${half} ${y.toFixed(1)} ${x} ${y.toFixed(1)}`;
  }, '');
}

function nodeBox({ task, x, y }) {
  const worked = task.attempts.reduce((sum, attempt) => sum + (attempt.millis ?? 0), 0);
  const words = [task.agent, worked ? duration(worked) : '', task.attempts.length > 1 ? count(task.attempts.length, 'attempt') : ''];
  return draw('g', { class: `node ${task.state}`, transform: `translate(${x} ${y.toFixed(1)})`, 'data-task': task.id },
    draw('rect', { class: 'box', width: NODE.width, height: NODE.height, rx: 5 }),
    draw('rect', { class: `stripe ${task.state}`, width: 5, height: NODE.height, rx: 2 }),
    draw('text', { class: 'name', x: 13, y: 16 }, clip(task.id, 20)),
    draw('text', { class: 'about', x: 13, y: 30 }, clip(words.filter(Boolean).join(', '), 26)));
}

function graphOf(tasks) {
  const { nodes, routes } = layout(tasks);
  const places = [...nodes.values()];
  const edge = (way) => draw('path', { class: 'edge', d: pathOf(way), 'data-from': way[0].task.id, 'data-to': way.at(-1).task.id });
  const [left, top] = [-12, Math.min(0, ...places.map((node) => node.y)) - 12];
  const right = Math.max(0, ...places.map((node) => node.x + NODE.width)) + 12;
  const bottom = Math.max(0, ...places.map((node) => node.y + NODE.height)) + 12;
  const content = draw('g', {}, draw('g', {}, routes.map(edge)), draw('g', {}, places.map(nodeBox)));
  return { content, nodes, box: { x: left, y: top, width: right - left, height: bottom - top } };
}

function graphLegend() {
  const states = [...new Set(account.tasks.map((task) => task.state))];
  return el('p', { class: 'keys' }, states.map((state) => el('span', { class: `key ${state}` }, stateWords(state))));
}

/** Makes the view that is zoomed and moved. */
function graph(section) {
  const { content, nodes, box } = graphOf(account.tasks);
  const svg = draw('svg', { class: 'graph', tabindex: 0 }, content);
  const boxes = new Map([...content.querySelectorAll('.node')].map((node) => [node.dataset.task, node]));
  const lines = [...content.querySelectorAll('.edge')];
  let [view, drag] = [null, null];
  put(section, el('div', { class: 'bar' }, graphLegend(), el('span', { class: 'grow' }), el('span', { class: 'hint' }, 'wheel zooms, drag moves'),
    nearerButtons((factor) => zoom(factor), () => reset())), svg);

  const room = () => ({ width: Math.max(svg.clientWidth, 100), height: Math.max(svg.clientHeight, 100) });
  const paint = () => svg.setAttribute('viewBox', [view.x, view.y, view.width, view.height].map((number) => number.toFixed(1)).join(' '));

  /** Shows all of it, or, where that would be too small to be read, its beginning. Nothing is larger than it is. */
  function reset(least = 0) {
    svg.style.height = `${roomBelow(svg, 340)}px`;
    const { width, height } = room();
    const scale = Math.max(Math.min(width / box.width, height / box.height, 1.15), least);
    view = { width: width / scale, height: height / scale };
    view.x = box.x + Math.min((box.width - view.width) / 2, 0);
    view.y = box.y + (box.height - view.height) / 2;
    paint();
  }

  function zoom(factor, about = [0.5, 0.5]) {
    const width = Math.min(Math.max(view.width / factor, 200), Math.max(box.width, room().width) * 2);
    const height = view.height * (width / view.width);
    view = { x: view.x + (view.width - width) * about[0], y: view.y + (view.height - height) * about[1], width, height };
    paint();
  }

  function pan(share, down = 0) {
    view = { ...view, x: view.x + view.width * share, y: view.y + view.height * down };
    paint();
  }

  /** Marks a task and brings it into sight. */
  function reveal(id) {
    for (const [other, node] of boxes) node.classList.toggle('selected', other === id);
    const { x, y } = nodes.get(id);
    const nearest = (from, length, room) => Math.max(Math.min(from, length[0] - 16), length[1] + 16 - room);
    view = { ...view, x: nearest(view.x, [x, x + NODE.width], view.width), y: nearest(view.y, [y, y + NODE.height], view.height) };
    paint();
  }

  /** Returns the tasks that fit as they stand: column by column, each from above. */
  function order() {
    const shown = [...nodes.values()].filter(({ task }) => !boxes.get(task.id).classList.contains('dim'));
    return shown.sort((a, b) => a.x - b.x || a.y - b.y).map(({ task }) => task.id);
  }

  /** Marks what a task depends on and what depends on it. */
  function mark(id) {
    for (const line of lines) {
      line.classList.toggle('near', id !== undefined && (line.dataset.from === id || line.dataset.to === id));
    }
  }

  svg.addEventListener('wheel', (event) => {
    event.preventDefault();
    const { left, top, width, height } = svg.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY / 400), [(event.clientX - left) / width, (event.clientY - top) / height]);
  }, { passive: false });
  svg.addEventListener('pointerdown', (event) => {
    if (event.button === 0) drag = { x: event.clientX, y: event.clientY, view, moved: false };
  });
  window.addEventListener('pointermove', (event) => {
    if (!drag) return;
    const [right, down] = [event.clientX - drag.x, event.clientY - drag.y];
    drag.moved ||= Math.abs(right) + Math.abs(down) > 4;
    const unit = drag.view.width / room().width;
    if (drag.moved) view = { ...drag.view, x: drag.view.x - right * unit, y: drag.view.y - down * unit };
    paint();
  });
  window.addEventListener('pointerup', () => setTimeout(() => (drag = null)));
  const taskAt = (event) => event.target.closest('.node')?.dataset.task;
  svg.addEventListener('click', (event) => {
    const id = taskAt(event);
    if (id && !drag?.moved) openTask(id);
  });
  svg.addEventListener('dblclick', (event) => taskAt(event) ?? reset());
  svg.addEventListener('pointermove', (event) => {
    const id = taskAt(event);
    mark(id);
    showTip(event, id ? tipOf({ task: id }) : null);
  });
  svg.addEventListener('pointerleave', () => {
    mark();
    hideTip();
  });
  window.addEventListener('resize', () => section.hidden || reset());

  return {
    show(matching) {
      if (!view) reset(0.6);
      for (const [id, node] of boxes) node.classList.toggle('dim', !matching(id));
    },
    zoom, pan, reset, reveal, order,
    rise: (share) => pan(0, share),
    stage: svg,
  };
}

function graphOnPaper() {
  const { content, box } = graphOf(account.tasks);
  return [graphLegend(), draw('svg', { class: 'graph', viewBox: `${box.x} ${box.y} ${box.width} ${box.height}` }, content)];
}
