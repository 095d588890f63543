// The clusters of three nodes that faults happen to. Imported, not run.
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { execPath } from "node:process"
import { drop, machine } from "./machines.mjs"
import { postgres } from "./postgres.mjs"
import { main, natsServers, node } from "./processes.mjs"
import { silentProxy } from "./proxy.mjs"

/** The library that fakes a process's wall clock; undefined without `faketime`, or if this is not Linux. */
export const libfaketime = (existsSync("/usr/lib") ? readdirSync("/usr/lib") : [])
  .map((folder) => join("/usr/lib", folder, "faketime", "libfaketimeMT.so.1"))
  .find((path) => existsSync(path))

/**
 * - `one`, `three`: NATS servers of this machine, and between each node and each of them a proxy that can fall silent
 * - `clocks`: as `three`, and the wall clock of each node can be set
 * - `machines`: three machines with a node and a NATS server each, and a network between them that can be cut
 */
export const shapes = ["one", "three", "clocks", "machines"]

const names = ["a", "b", "c"]

/** What nodes that keep lines are started with. */
const keepingFlags = ["--insecure-passwords", "--registrations-per-address", "off"]

/**
 * Starts a cluster. With `keeps`, its nodes share a database. `end()` ends its nodes in order, and everything else, and
 * returns what is wrong with the database.
 */
export const cluster = async (shape, { folder, keeps, term }) => {
  const place = mkdtempSync(join(folder, `${shape}-`))
  const machines = shape === "machines" ? [await machine(), await machine(), await machine()] : []
  const servers = await natsServers(shape === "one" ? 1 : 3, place, machines)
  const proxies = []
  const nodes = []
  const end = async () => {
    await Promise.all(nodes.map((one) => one.end()))
    await Promise.all(servers.map((server) => server.end("SIGKILL")))
    for (const one of proxies) one.close()
    for (const one of machines) one.end()
    const found = database?.isRunning ? checkStore(database.url) : []
    await database?.end("SIGINT")
    return found
  }
  const database = keeps ? postgres(place) : undefined
  await Promise.all([...servers, ...(keeps ? [database] : [])].map((server) => server.start()))
  for (const [at, name] of names.entries()) {
    const own = machines.length > 0 ? [] : await Promise.all(servers.map(({ port }) => silentProxy(port)))
    proxies.push(...own)
    const urls = own.length > 0 ? own.map(({ port }) => `nats://127.0.0.1:${port}`) : servers.map(({ url }) => url)
    const clock = shape === "clocks" ? fakeClock(join(place, `${name}.clock`)) : undefined
    const flags = ["--cluster-term", `${term}s`, "--cluster-wait", "2m"]
    // The database is none of the machines, and a cut between these leaves the ways to it.
    const scriptHost = machines[at]?.scriptHost ?? "127.0.0.1"
    const toDatabase = keeps ? await silentProxy(database.socket, scriptHost) : undefined
    if (toDatabase !== undefined) {
      proxies.push(toDatabase)
      flags.push("--store", `postgres://chat@${scriptHost}:${toDatabase.port}/postgres`, ...keepingFlags)
    }
    const environment = clock?.environment
    const one = await node({ name, folder: place, urls, flags, machine: machines[at], environment })
    const cutStore = toDatabase && cutOf([toDatabase], undefined)
    nodes.push(
      Object.assign(one, { cut: cutOf(own, machines[at]), cutStore, machine: machines[at], server: servers[at], clock })
    )
  }
  await Promise.all(nodes.map((one) => one.start()))
  return { shape, nodes, servers, database, end }
}

/** What `a-chat store check` finds in a store that nobody uses. */
const checkStore = (url) => {
  const { status, stderr, stdout } = spawnSync(execPath, [main, "store", "check", "--store", url], { encoding: "utf8" })
  return status === 0 ? [] : [`store check exits with ${status}: ${stdout}${stderr}`]
}

/** Nothing fakes the monotonic clock: no command sets that one. */
const fakeClock = (file) => {
  const set = (seconds) => writeFileSync(file, `${seconds < 0 ? "" : "+"}${seconds}\n`)
  set(0)
  const environment = {
    LD_PRELOAD: libfaketime ?? "",
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    NO_FAKE_STAT: "1"
  }
  return { environment, set }
}

/** What cuts a node off, in a direction ("both", "out" or "in"), and returns what ends that. */
const cutOf = (proxies, machine) => (direction) => {
  if (machine === undefined) {
    for (const proxy of proxies) proxy.cut(direction)
    return () => proxies.forEach((proxy) => proxy.mend())
  }
  const ends = [
    ...(direction === "in" ? [] : [drop({ from: machine })]),
    ...(direction === "out" ? [] : [drop({ to: machine })])
  ]
  return () => ends.forEach((end) => end())
}
