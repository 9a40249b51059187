// `npm run test:issuers`: installs and starts real authorization servers, obtains tokens from them by real grants, and
// checks the package with each. Prints a table; exits with 1 if a check fails.
//
//     npm run test:issuers                every server
//     npm run test:issuers -- NAME …      the servers with these names
//     npm run test:issuers -- --list      the names, and what they install
//
// A server that cannot be installed here is skipped, and the table says why. It needs a build of the add-on.

// The servers are on loopback, and the options of this run are the only ones.
const environment = { ...process.env };
for (const name of Object.keys(process.env)) {
  if (name.startsWith('MONOCLOUD_BACKEND_') || /^https?_proxy$/i.test(name)) delete process.env[name];
}

const { servers } = await import('./issuers/servers.mjs');
const { runServers } = await import('./issuers/run.mjs');
const { printTable } = await import('./issuers/table.mjs');

const names = process.argv.slice(2);
const shown = (list) => (list.length > 20 && Array.isArray(list) ? `${list.length} packages` : [list].flat().join(' '));
if (names.includes('--list')) {
  for (const { name, packages } of servers) {
    const kinds = Object.entries(packages).map(([kind, list]) => `${kind}: ${shown(list)}`);
    console.log(`${name.padEnd(24)}${kinds.join('; ')}`);
  }
  process.exit(0);
}
const unknown = names.filter((name) => !servers.some((server) => server.name === name));
if (unknown.length > 0) {
  console.error(`no such server: ${unknown.join(', ')}. See npm run test:issuers -- --list`);
  process.exit(2);
}

const chosen = servers.filter(({ name }) => names.length === 0 || names.includes(name));
const rows = await runServers(chosen, { environment });
// Not by waiting: a server's library may keep this process alive.
process.exit(printTable(rows) ? 0 : 1);
