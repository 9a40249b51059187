'use strict';

/** The name of this platform's binary: `linux-x64-gnu`, `linux-arm64-musl`, `darwin-arm64`, `win32-x64-msvc` … */

const { existsSync } = require('node:fs');

function platformName() {
  const { platform, arch } = process;
  if (platform === 'linux') return `linux-${arch}-${isMusl() ? 'musl' : 'gnu'}`;
  return platform === 'win32' ? `win32-${arch}-msvc` : `${platform}-${arch}`;
}

/** Node reports the version of the glibc it runs on; musl has none. */
function isMusl() {
  const { report } = process;
  if (!report) return existsSync('/etc/alpine-release');
  const excluded = report.excludeNetwork;
  report.excludeNetwork = true; // Or the report looks names up in DNS.
  const { glibcVersionRuntime } = report.getReport().header;
  report.excludeNetwork = excluded;
  return !glibcVersionRuntime;
}

module.exports = { platformName };
