// The status page: asks /api/status every two seconds and shows it as text. Nothing that comes from there is ever HTML.
const every = 2000;
const tokenKey = 'optoggles-token';
const tones = {
  ready: 'good',
  ok: 'good',
  'in-sync': 'good',
  off: 'quiet',
  removed: 'quiet',
  waiting: 'warn',
  suspect: 'warn',
  pending: 'warn',
  held: 'warn',
  failing: 'bad',
  failed: 'bad',
  blocked: 'bad',
};
const toggleStates = ['in-sync', 'pending', 'held', 'blocked', 'off', 'failed', 'removed'];

const byId = id => document.getElementById(id);
let status;
let etag;
let token = sessionStorage.getItem(tokenKey) ?? '';
let timer;

function cell(text, className = '', tag = 'td') {
  const element = document.createElement(tag);
  setText(element, text);
  setClass(element, className);
  if (tag === 'th') element.scope = 'row';
  return element;
}

// What is the same stays as it is: no flicker, no lost selection, and nothing for a screen reader to say again.
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function setClass(element, className) {
  if (element.className !== className) element.className = className;
}

/** Rows of [text, class] cells into a table's body; the first cell is the row's head. */
function fillRows(body, rows) {
  rows.forEach((cells, index) => {
    let row = body.rows[index];
    if (row === undefined) {
      row = document.createElement('tr');
      cells.forEach((_, column) => row.append(cell('', '', column === 0 ? 'th' : 'td')));
      body.append(row);
    }
    cells.forEach(([text, className = ''], column) => {
      setText(row.cells[column], text);
      setClass(row.cells[column], className);
    });
  });
  while (body.rows.length > rows.length) body.lastElementChild.remove();
}

/** Items as text, with a command to be copied where there is one. */
function fillList(list, items) {
  list.parentElement.hidden = items.length === 0;
  if (list.dataset.shown === JSON.stringify(items)) return;
  list.dataset.shown = JSON.stringify(items);
  list.replaceChildren(
    ...items.map(({ text, command }) => {
      const item = document.createElement('li');
      item.append(cell(text, '', 'span'));
      if (command) item.append(cell(command, '', 'code'));
      return item;
    }),
  );
}

const state = name => [name, `state ${tones[name] ?? ''}`];
const time = iso => [iso === null ? '' : new Date(iso).toLocaleString(), 'time'];
const known = text => [text ?? ''];
const joined = texts => texts.filter(text => text !== null && text !== undefined && text !== '').join(' ');

function show() {
  byId('content').hidden = false;
  setText(byId('instance'), status.instance);
  setText(
    byId('about'),
    joined([
      `version ${status.version}, since ${new Date(status.started).toLocaleString()}`,
      status.commit === null ? null : `, commit ${status.commit}`,
      status.restartNeeded ? '· the configuration changed: it is read at the next start' : null,
    ]),
  );
  fillList(
    byId('problems'),
    status.problems.map(({ at, message, hint }) => ({
      text: joined([at && `${at.file}:${at.line}:${at.column}:`, message, hint]),
    })),
  );
  fillList(byId('blocked'), status.blocked.map(blockItem));
  fillList(byId('overrides'), status.overrides.map(overrideItem));
  fillRows(
    byId('sources'),
    status.sources.map(each => [
      [each.id],
      [each.type],
      state(each.state),
      known(each.revision),
      time(each.lastAnswerAt),
      [joined([each.error, ...each.warnings])],
    ]),
  );
  fillRows(
    byId('targets'),
    status.targets.map(each => [[each.name], [each.type], state(each.state), known(each.error)]),
  );
  showToggles();
}

function blockItem(block) {
  const places = block.placements.map(({ toggle, target, environment }) => joined([toggle, target, environment]));
  const more = places.length > 5 ? ` and ${places.length - 5} more` : '';
  const since = new Date(block.since).toLocaleString();
  const text = `${places.slice(0, 5).join(', ')}${more}: ${block.reason} (since ${since}${around(block)})`;
  return { text, command: block.approve };
}

function around({ revision, also }) {
  const of = revision === null ? '' : `; revision ${revision}`;
  if (also === null) return of;
  return `${of}; ${also.changes} other changes with it: +${also.granted} −${also.revoked} users`;
}

function overrideItem({ what, since, until, by, reason, resume }) {
  const end = until === null ? '' : `, until ${new Date(until).toLocaleString()}`;
  const why = reason === '' ? '' : `: ${reason}`;
  return { text: `${what}, by ${by} since ${new Date(since).toLocaleString()}${end}${why}`, command: resume };
}

function showToggles() {
  const wanted = byId('filter').value.trim().toLowerCase();
  const wantedState = byId('state').value;
  const shown = status.toggles.filter(
    each =>
      (wantedState === '' || each.state === wantedState) &&
      `${each.key} ${each.target} ${each.environment}`.toLowerCase().includes(wanted),
  );
  fillRows(
    byId('toggles'),
    shown.map(each => [
      [each.key],
      [each.target],
      [each.environment],
      state(each.state),
      [each.users === null ? '?' : String(each.users), 'number'],
      time(each.lastAppliedAt),
      [joined([each.rule, each.source && `of ${each.source}`, each.revision && `at ${each.revision}`]), 'quiet'],
      known(each.reason),
    ]),
  );
  setText(byId('shown'), `${shown.length} of ${status.toggles.length}`);
}

function askForToken(wrong) {
  byId('login').hidden = false;
  byId('content').hidden = true;
  setText(byId('connection'), wrong ? 'This token is not known.' : 'A token is needed to see the status.');
  setClass(byId('connection'), wrong ? 'bad' : '');
}

async function refresh() {
  clearTimeout(timer);
  const headers = {};
  if (token !== '') headers.authorization = `Bearer ${token}`;
  if (etag !== undefined) headers['if-none-match'] = etag;
  try {
    const response = await fetch('/api/status', { headers, cache: 'no-store' });
    // Until a token is typed in there is nothing to ask for again.
    if (response.status === 401) return askForToken(token !== '');
    if (response.status !== 304) {
      if (!response.ok) throw new Error(`the answer was ${response.status}`);
      status = await response.json();
      etag = response.headers.get('etag') ?? undefined;
      show();
    }
    byId('login').hidden = true;
    byId('content').hidden = false;
    setText(byId('connection'), 'Up to date.');
    setClass(byId('connection'), '');
  } catch {
    setText(byId('connection'), 'OPToggles does not answer. Trying again.');
    setClass(byId('connection'), 'bad');
  }
  timer = setTimeout(() => void refresh(), document.hidden ? every * 10 : every);
}

byId('state').append(
  ...toggleStates.map(name => {
    const option = cell(name, '', 'option');
    option.value = name;
    return option;
  }),
);
byId('filter').addEventListener('input', () => status && showToggles());
byId('state').addEventListener('change', () => status && showToggles());
byId('login').addEventListener('submit', event => {
  event.preventDefault();
  token = byId('token').value.trim();
  byId('token').value = '';
  sessionStorage.setItem(tokenKey, token);
  etag = undefined;
  void refresh();
});
document.addEventListener('visibilitychange', () => {
  // With the login shown, a look at the page is no reason to ask with the same token again.
  if (!document.hidden && byId('login').hidden) void refresh();
});
void refresh();
