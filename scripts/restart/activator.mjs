// Opens sockets and runs a server on them, as systemd does: restarts it whenever it ends. Connections wait meanwhile.
//
//   node scripts/restart/activator.mjs [NAME=PORT | NAME=PATH]... -- COMMAND...
//
// PORT is on 127.0.0.1; 0 takes any. Prints the addresses, then the process id of each server it starts. Restarts
// servers that end with 0 or 1; otherwise exits with the status of the last one, or with 1 after several in a row have
// ended within a second of their start. SIGTERM ends this script, not the server.
import { spawnSync } from "node:child_process"
import { once } from "node:events"
import { writeSync } from "node:fs"
import { createServer } from "node:net"

const end = process.argv.indexOf("--")
const sockets = []
for (const argument of process.argv.slice(2, end)) {
  const [name, place] = argument.split("=")
  const server = createServer()
  await once(/^\d+$/.test(place) ? server.listen(Number(place), "127.0.0.1") : server.listen(place), "listening")
  sockets.push({ name, server })
}
const places = sockets.map(({ server }) => server.address().port ?? server.address())
writeSync(1, `listening ${places.join(" ")}\n`)

// From here on the event loop is blocked, so this process never accepts connections itself.
const script = 'echo "server $$"; LISTEN_PID=$$ exec "$@"'
const env = {
  ...process.env,
  ...(sockets.length > 0 && { LISTEN_FDS: sockets.length, LISTEN_FDNAMES: sockets.map(({ name }) => name).join(":") })
}
// Undocumented, but Node has no other way to pass a socket to a program that is not Node.
const descriptors = sockets.map(({ server }) => server._handle.fd)
const mostShort = 5
const shortMillis = 1000
let short = 0
let status = 0
while (status === 0 || status === 1) {
  const begunAt = performance.now()
  const stdio = ["ignore", 1, 2, ...descriptors]
  status = spawnSync("sh", ["-c", script, "sh", ...process.argv.slice(end + 1)], { env, stdio }).status
  short = performance.now() - begunAt < shortMillis ? short + 1 : 0
  if (short === mostShort) {
    writeSync(2, `giving up: the server ended within a second ${short} times in a row\n`)
    process.exit(1)
  }
}
process.exit(status ?? 1)
