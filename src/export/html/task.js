// One task: what it was to do, what it did, and what was found about it. Made when somebody opens it.

/** On paper nothing can be opened: what has to be there is, of the rest only that there is something. */
let onPaper = false;

/** Makes a part that opens; what is in it is made when it is opened first. */
function fold(title, make, open = false, printed = open) {
  if (onPaper) return el('section', { class: 'fold' }, el('h4', {}, title), printed ? make() : null);
  const details = el('details', { class: 'fold', open: open ? '' : null }, el('summary', {}, title));
  const show = () => {
    if (details.open && details.childElementCount === 1) fill(details, {}, [make()].flat());
  };
  show();
  details.addEventListener('toggle', show);
  return details;
}

/** Says that a text is not whole. */
function cutWords(text, end) {
  if (!text.cut) return null;
  const shown = size(new TextEncoder().encode(text.text).length);
  const where = text.path ? `; the whole is in .crew/runs/${account.run.id}/${text.path}` : '';
  return el('p', { class: 'quiet' }, `the ${end ? 'last' : 'first'} ${shown} of ${size(text.bytes)}${where}`);
}

const words = (text, end = false) => [cutWords(text, end), text.text ? el('pre', {}, text.text) : el('p', { class: 'quiet' }, 'nothing')];

/** Makes a part of a text, unless there is none. */
function textFold(title, text, { end = false, open = false, printed = open } = {}) {
  if (!text || (!text.text && !text.bytes)) return null;
  return fold([title, ' ', el('small', {}, size(text.bytes))], () => words(text, end), open, printed);
}

const facts = (pairs) =>
  el('dl', { class: 'facts' }, pairs.filter(([, value]) => value !== null && value !== undefined && value !== '')
    .map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))));

/** Makes a list of links to tasks, of which there may be many. */
function links(title, ids) {
  if (!ids.length) return null;
  const shown = onPaper ? ids : ids.slice(0, 40);
  const more = ids.length > shown.length ? `and ${ids.length - shown.length} more` : null;
  return el('p', { class: 'links' }, el('span', { class: 'label' }, title), shown.map((id) => [taskLink(id), ' ']), more);
}

const KINDS = { '+': 'added', '-': 'removed', '@': 'place' };

/** Returns a function that says of each line of a patch what it is. Below a place, only its first character counts. */
function kindsOfLines() {
  let isHeader = true;
  return (line) => {
    if (/^(diff |Binary )/.test(line)) isHeader = true;
    if (line.startsWith('@')) isHeader = false;
    return isHeader ? 'about' : KINDS[line[0]] ?? 'same';
  };
}

/** Colours a patch; lines of one kind that follow each other are one element. */
function patch(text) {
  const pre = el('pre', { class: 'patch' });
  const kindOfLine = kindsOfLines();
  let [kind, some] = [null, []];
  const flush = () => {
    if (some.length) pre.append(el('span', { class: kind }, `${some.join('\n')}\n`));
    some = [];
  };
  for (const line of text.replace(/\n$/, '').split('\n')) {
    const next = kindOfLine(line);
    if (next !== kind) flush();
    kind = next;
    some.push(line);
  }
  flush();
  return pre;
}

function diffOf(diff) {
  const lines = (file) => (file.insertions === undefined || file.insertions === null ? 'binary'
    : [el('ins', {}, `+${file.insertions}`), ' ', el('del', {}, `-${file.deletions}`)]);
  const rows = diff.files.map((file) => [stateWords(file.change), el('code', {}, file.from ? `${file.from} → ${file.path}` : file.path), lines(file)]);
  const more = diff.changed - diff.files.length;
  return [
    diff.notes?.map((note) => el('p', { class: 'quiet' }, note)),
    diff.uncommitted ? el('p', { class: 'quiet' }, `${count(diff.uncommitted, 'file')} in no commit`) : null,
    table(['change', 'file', '#lines'], rows, 'files'),
    more > 0 ? el('p', { class: 'quiet' }, `and ${count(more, 'file')} more`) : null,
    cutWords(diff.patch, false),
    diff.patch.text ? patch(diff.patch.text) : null,
  ];
}

function diffFold(diff) {
  if (!diff || (!diff.changed && !diff.notes?.length)) return null;
  const title = ['Diff ', el('small', {}, `${count(diff.changed, 'file')}, `, el('ins', {}, `+${diff.insertions}`), ' ', el('del', {}, `-${diff.deletions}`))];
  return fold(title, () => diffOf(diff), true);
}

/** Says where a finding is; `.` is the change as a whole. */
function placeOf(finding) {
  if (finding.file === '.') return 'the change';
  return finding.start_line ? `${finding.file}:${finding.start_line}` : finding.file;
}

function findingItem(finding, who) {
  const decided = decisionOf.get(finding.fingerprint);
  const confidence = finding.confidence === undefined ? null : finding.confidence.toFixed(2);
  return el('article', { class: 'finding' },
    el('p', {}, el('span', { class: `severity ${finding.severity}` }, finding.severity), el('code', {}, placeOf(finding)), el('b', {}, finding.title)),
    el('p', { class: 'quiet' }, [finding.category, confidence ? `confidence ${confidence}` : null].filter(Boolean).join(', '), who ? [', by ', who] : null),
    decided ? el('p', { class: 'decided' }, `${stateWords(decided.decision)} by ${decided.by}: ${decided.why}`) : null,
    finding.quote ? el('pre', {}, finding.quote) : null,
    finding.body ? el('p', { class: 'prose' }, finding.body) : null,
    finding.suggestion ? fold('Suggestion', () => el('pre', {}, finding.suggestion), false, true) : null);
}

/** Shows what was handed in, whatever fields it has. */
function handedIn(submission) {
  const [kind, body] = Object.entries(submission)[0] ?? [];
  if (!body || typeof body !== 'object') return null;
  const shown = (value) => {
    if (typeof value === 'string') return el('p', { class: 'prose' }, value);
    if (Array.isArray(value) && value.every((entry) => typeof entry === 'string')) return el('ul', {}, value.map((entry) => el('li', {}, entry)));
    return typeof value === 'object' ? el('pre', {}, JSON.stringify(value, null, 2)) : String(value);
  };
  const parts = Object.entries(body).filter(([, value]) => value !== null && value !== '' && !(Array.isArray(value) && !value.length));
  return fold(['Handed in ', el('small', {}, kind)], () =>
    el('dl', { class: 'handed' }, parts.map(([name, value]) => [el('dt', {}, name.replaceAll('_', ' ')), el('dd', {}, shown(value))])), false, true);
}

const passMark = (passed) => el('span', { class: passed ? 'state completed' : 'state failed' }, passed ? 'passed' : 'failed');

function verification(attempt) {
  if (!attempt.verifications.length) return null;
  const rows = attempt.verifications.map((check) =>
    [passMark(check.passed), el('code', {}, check.command), check.cached ? 'passed before on the same files' : check.ended, duration(check.ending.millis)]);
  const failed = attempt.verifications.some((check) => !check.passed);
  return el('section', {}, el('h4', {}, 'Verification'), table(['', 'command', 'ended', '#time'], rows),
    textFold('Its output', attempt.verification_output, { end: true, open: failed }));
}

function toolCalls(attempt) {
  if (!attempt.tools.length) return null;
  const rows = attempt.tools.map((call) => [el('span', { class: call.result === 'ok' ? null : 'bad' }, call.result), call.tool, el('code', {}, call.arguments), duration(call.millis)]);
  const more = attempt.tool_calls - attempt.tools.length;
  return fold(['Tool calls ', el('small', {}, String(attempt.tool_calls))], () =>
    [table(['', 'tool', 'arguments', '#time'], rows), more > 0 ? el('p', { class: 'quiet' }, `and ${more} more`) : null].filter(Boolean));
}

const timed = (entries) => el('ul', { class: 'timed' }, entries.map(([at, said]) => el('li', {}, el('time', {}, moment(at)), ' ', said)));

function attemptBody(attempt) {
  const findings = attempt.findings.length
    ? el('section', {}, el('h4', {}, 'Findings'), attempt.findings.map((finding) => findingItem(finding))) : null;
  const said = [...attempt.notes.map((note) => [note.at, `${note.kind}: ${note.words}`]),
    ...attempt.refusals.map((refusal) => [refusal.at, `refused (${refusal.code}): ${refusal.reason}`])].sort();
  const kept = attempt.kept.map((kept) => el('li', {}, el('code', {}, kept.reference), ` ${count(kept.files, 'file')}, +${kept.insertions} -${kept.deletions}`));
  return [
    attempt.reason ? el('p', { class: 'reason' }, attempt.error_kind ? el('b', {}, `${attempt.error_kind}: `) : null, attempt.reason) : null,
    attempt.hint ? el('p', { class: 'hint-line' }, el('span', { class: 'label' }, 'hint'), attempt.hint) : null,
    attempt.again ? el('p', { class: 'quiet' }, `tried again: ${attempt.again.reason}`) : null,
    attempt.not_again ? el('p', { class: 'quiet' }, `not tried again: ${stateWords(attempt.not_again)}`) : null,
    facts([['began', `${moment(attempt.started_at)} UTC`], ['time', duration(attempt.millis)], ['ended', attempt.ended],
      ['model', attempt.model], ['input', attempt.usage.input_tokens && tokens(attempt.usage.input_tokens)],
      ['output', attempt.usage.output_tokens && tokens(attempt.usage.output_tokens)],
      ['cached', attempt.usage.cached_tokens && tokens(attempt.usage.cached_tokens)],
      ['cost', attempt.usage.cost_usd === undefined ? null : cost(attempt.usage.cost_usd)],
      ['confidence', attempt.confidence === null || attempt.confidence === undefined ? null : attempt.confidence.toFixed(2)], ['session', attempt.session]]),
    attempt.summary ? el('p', { class: 'prose summary' }, attempt.summary) : null,
    verification(attempt), findings,
    said.length ? fold(['On its way ', el('small', {}, String(said.length))], () => timed(said)) : null,
    textFold('Prompt', attempt.prompt), textFold('Result', attempt.result, { printed: true }),
    attempt.submission ? handedIn(attempt.submission) : null, toolCalls(attempt),
    textFold('End of its log', attempt.log, { end: true }),
    kept.length ? fold('Kept work', () => el('ul', {}, kept)) : null,
    attempt.unkept ? el('p', { class: 'reason' }, `not kept: ${attempt.unkept}`) : null,
  ].filter(Boolean);
}

function attemptFold(attempt, open) {
  const title = [`Attempt ${attempt.number} `, badge(attempt.state), el('small', {}, [attempt.agent, duration(attempt.millis), attempt.error_kind].filter(Boolean).join(', '))];
  return fold(title, () => attemptBody(attempt), open, true);
}

function taskBody(task) {
  const used = task.attempts.length > 0 && task.work === 'agent' && task.agent !== 'builtin';
  const worked = task.attempts.reduce((sum, attempt) => sum + (attempt.millis ?? 0), 0);
  const asked = { agent: 'Asked', command: 'Runs', merge: 'Merges into' }[task.work];
  const pass = task.pass && (task.pass.outcome === 'incomplete' ? `incomplete: ${task.pass.why}` : stateWords(task.pass.outcome));
  const letter = task.dead_letter;
  return [
    task.reason && task.state !== 'completed' ? el('p', { class: 'reason' }, task.reason) : null,
    letter ? el('p', { class: 'reason' }, `given up (${stateWords(letter.why)}) by ${letter.by}: ${letter.note || letter.last_error}`) : null,
    letter?.tail ? fold('Its last output', () => el('pre', {}, letter.tail), true) : null,
    facts([['role', task.role], ['agent', task.agent], ['model', task.model], ['time', worked ? duration(worked) : null],
      ['tokens', used ? tokens(tokensOf(task.usage)) : null], ['cost', used ? cost(task.usage.cost_usd) : null],
      ['reviewer', task.reviewer], ['verdict', pass], ['branch', task.tree?.branch], ['merged into', [...new Set(task.merged_into)].join(', ')]]),
    links('reviews', task.reviews ? [task.reviews] : []), links('after', task.depends_on), links('before', dependents.get(task.id) ?? []),
    fold([`${asked} `, task.asked.bytes > 200 ? el('small', {}, size(task.asked.bytes)) : null].filter(Boolean), () => words(task.asked), true),
    task.verify.length ? el('p', { class: 'links' }, el('span', { class: 'label' }, 'verified by'), task.verify.map((command) => [el('code', {}, command), ' '])) : null,
    (gatesOf.get(task.id) ?? []).map(gateItem),
    task.attempts.map((attempt, at) => attemptFold(attempt, at === task.attempts.length - 1)),
    task.attempts.length ? null : el('p', { class: 'quiet' }, 'It was never worked on.'),
    task.turns.length ? fold(['Between attempts ', el('small', {}, String(task.turns.length))], () => timed(task.turns.map((turn) => [turn.at, turn.words]))) : null,
    diffFold(task.diff),
  ].flat().filter(Boolean);
}

const taskHead = (task) => [task.id, ' ', badge(task.state)];
