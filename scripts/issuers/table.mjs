// What does a person read at the end: a row for each server, the failures, the notes.

const COLUMNS = {
  jwt: 'JWT',
  opaque: 'opaque',
  clients: 'client authentication',
  rotation: 'rotation',
  revocation: 'revocation',
  dpop: 'DPoP',
  doctor: 'doctor',
};

/** Prints the table; returns whether no check failed. */
export function printTable(rows) {
  const head = ['server', 'version', 'start', ...Object.values(COLUMNS)];
  const lines = [head, ...rows.map(cellsOf)];
  const widths = head.map((_, column) => Math.max(...lines.map((cells) => (cells[column] ?? '').length)));
  console.log('\nAuthorization servers\n');
  for (const cells of lines) {
    console.log(
      `  ${cells
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd()}`,
    );
  }
  console.log('\n  *: with special characters in the secret');
  for (const { title, notes } of rows) for (const note of new Set(notes)) console.log(`\n  ${title}: ${note}`);

  const results = rows.flatMap((row) => row.results.map((result) => ({ ...result, title: row.title })));
  const failed = results.filter(({ problem }) => problem);
  for (const { title, name, problem } of failed)
    console.log(`\nFAILED  ${title}, ${name}\n${problem.stack ?? problem}`);
  const skipped = rows.filter((row) => row.skipped).length;
  console.log(`\n${results.length - failed.length} passed, ${failed.length} failed, ${skipped} servers skipped`);
  return failed.length === 0;
}

function cellsOf(row) {
  if (row.skipped) return [row.title, '', `skipped: ${row.skipped}`];
  const start = row.startSeconds === undefined ? 'FAILED' : `${row.startSeconds.toFixed(1)} s`;
  const cells = Object.keys(COLUMNS).map((column) => (column === 'clients' ? methodsOf(row) : cellOf(row, column)));
  return [row.title, row.version ?? '', start, ...cells];
}

function cellOf({ results }, column) {
  const own = results.filter((result) => result.column === column);
  if (own.length === 0) return '–';
  const good = own.filter(({ problem }) => !problem).length;
  return good === own.length ? `ok (${good})` : `FAILED ${own.length - good}/${own.length}`;
}

/** The methods that the server has, each with a mark if its checks fail. */
function methodsOf({ results, clients = [] }) {
  const shown = clients.map((client) => {
    const own = results.filter((result) => result.method === client);
    const name = client.method.replace(/^client_secret_(?!jwt)/, '');
    const state = own.some(({ problem }) => problem) ? ' FAILED' : client.isRefused ? ' refused' : '';
    const label = client.label ? ` (${client.label})` : '';
    return `${name}${client.isSpecial ? '*' : ''}${label}${state}`;
  });
  return shown.join(', ') || '–';
}
