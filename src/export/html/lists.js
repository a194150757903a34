// What was found, and what was decided and merged.

const SEVERITIES = ['blocker', 'error', 'warning', 'info'];
/** The most findings that are listed at once; the search reaches all. */
const MOST_FINDINGS = 500;

/** Returns each finding once, with those who found it. */
function allFindings() {
  const found = new Map();
  const take = (finding, who, task) => {
    const key = finding.fingerprint || `${finding.file} ${finding.start_line} ${finding.title}`;
    const known = found.get(key) ?? { finding, who: new Map(), tasks: new Set() };
    known.who.set(who, task);
    known.tasks.add(task?.id);
    found.set(key, known);
  };
  for (const task of account.tasks) {
    for (const attempt of task.attempts) attempt.findings.forEach((finding) => take(finding, task.reviewer ?? task.id, task));
  }
  for (const { by, review } of account.person_reviews ?? []) (review.findings ?? []).forEach((finding) => take(finding, by));
  const rank = ({ finding }) => SEVERITIES.indexOf(finding.severity);
  const place = ({ finding }) => `${finding.file}:${String(finding.start_line ?? 0).padStart(9, '0')}`;
  return [...found.values()].sort((a, b) => rank(a) - rank(b) || (place(a) < place(b) ? -1 : 1));
}

const whoFound = (who) => [...who].map(([name, task]) => [task ? el('a', { href: `#task/${task.id}` }, name) : name, ' ']);

function findingsView(section) {
  const all = allFindings();
  return {
    show(matching, searched) {
      const has = ({ finding, tasks }) => [...tasks].some((id) => id && matching(id)) ||
        (searched.length && searched.every((word) => `${finding.title} ${finding.body} ${finding.file} ${finding.category}`.toLowerCase().includes(word)));
      const fits = all.filter((found) => !isNarrowed() || has(found));
      const counts = SEVERITIES.map((severity) => [severity, fits.filter(({ finding }) => finding.severity === severity).length]);
      const more = fits.length - MOST_FINDINGS;
      put(section,
        el('p', { class: 'keys' }, counts.filter(([, number]) => number).map(([severity, number]) => el('span', { class: `severity ${severity}` }, `${number} ${severity}`))),
        fits.length ? null : el('p', { class: 'quiet' }, all.length ? 'No finding has these words.' : 'Nothing was found, or nobody looked.'),
        fits.slice(0, MOST_FINDINGS).map(({ finding, who }) => findingItem(finding, whoFound(who))),
        more > 0 ? el('p', { class: 'quiet' }, `and ${more} more; the search finds them`) : null);
    },
  };
}

function findingsOnPaper() {
  return allFindings().map(({ finding, who }) => findingItem(finding, whoFound(who)));
}

function gateItem(gate) {
  const { decided } = gate;
  const said = decided && [decided.answer, decided.note].filter(Boolean).join('; ');
  const how = decided ? `${stateWords(decided.decision)} by ${decided.by}, ${moment(decided.at)} UTC` : 'open';
  return el('p', { class: decided ? 'gate-line' : 'gate-line open' }, el('b', {}, `gate ${gate.id} `), `${stateWords(gate.about)}: ${gate.words} `,
    el('span', { class: 'decided' }, how), said ? [' ', el('q', {}, said)] : null);
}

function mergeWords(merge) {
  switch (merge.kind) {
    case 'merged':
      return [merge.tasks.map(({ task }) => [taskLink(task), ' ']), 'merged into ', el('code', {}, merge.into), ` (${merge.how}) by ${merge.by}: `,
        el('code', {}, merge.from.slice(0, 12)), ' → ', el('code', {}, merge.to.slice(0, 12))];
    case 'given_up':
      return ['not merged into ', el('code', {}, merge.into), `: ${merge.why}`];
    case 'conflict_given':
      return ['conflict of ', taskLink(merge.task), ` given to ${merge.agent}: ${merge.files.join(', ')}`];
    case 'conflict_resolved':
      return ['conflict of ', taskLink(merge.task), ` resolved by ${merge.agent}`];
    default:
      return ['conflict of ', taskLink(merge.task), ` left by ${merge.agent}: ${merge.reasons.join('; ')}`];
  }
}

function personReview({ by, review, of }) {
  return el('li', {}, el('b', {}, by), `: ${stateWords(review.verdict)} `, of ? taskLink(of) : null,
    review.body ? el('p', { class: 'prose' }, review.body) : null);
}

function decisionsBody() {
  const { merges, gates, person_reviews: reviews = [], decisions = [] } = account;
  const part = (title, list) => (list.length ? [el('h2', {}, title), el('ul', { class: 'timed' }, list)] : []);
  return [
    part('Merges', merges.map((merge) => el('li', {}, el('time', {}, moment(merge.at)), ' ', mergeWords(merge)))),
    part('Gates', gates.map((gate) => el('li', {}, el('time', {}, moment(gate.opened_at)), ' ', taskLink(gate.task), gateItem(gate)))),
    part('Reviews by persons', reviews.map(personReview)),
    part('Decisions about findings', decisions.map((decision) => el('li', {}, el('time', {}, moment(decision.at)),
      ` ${stateWords(decision.decision)} by ${decision.by}: ${decision.why} `, el('code', {}, decision.fingerprint)))),
  ].flat();
}

function decisionsView(section) {
  const body = decisionsBody();
  put(section, body.length ? body : el('p', { class: 'quiet' }, 'Nothing was merged, and nothing had to be decided.'));
  return { show() {} };
}
