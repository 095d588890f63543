// How checks are defined and run, and the world they work with. Imported, not run.
import { performance } from "node:perf_hooks"
import { Failure, open } from "./client.mjs"

/**
 * Collects the checks of one section:
 *
 *   const { all, check } = section("promises", "2. Login")
 *   check("a good login is not answered", "A successful login gets no reply.", async (t) => { … }, { needs: ["tcp"] })
 *
 * The second argument is the sentence that the check proves, word for word, or an array of sentences. `needs` lists
 * what the check requires: `ack` (the server knows that word of `/hello`), `bytes` (it sends some that are no UTF-8),
 * `command` (it starts servers of its own), `half-close` (it does what only a half-open connection can), `tcp` (it
 * breaks connections), `tls`, `speed` (it sends more than a rate limit allows), and those that several nodes lack:
 * `known-absent`, `same-order`, `seen-leaving`, `shared-name`. `common` lists what all checks of a section require.
 */
export const section = (group, title, common = []) => {
  const all = []
  const check = (name, proves, run, { needs = [] } = {}) => {
    all.push({ group, section: title, name, proves, run, needs: [...common, ...needs] })
  }
  return { all, check }
}

const run = Math.random().toString(36).slice(2, 7)
let count = 0

/** A name that no other client has, not even in another run: other clients may be on the server. */
export const fresh = (base) => `${base}-${run}${(++count).toString(36)}`

/** What a check works with: one server, and any number of clients, which are closed after the check. */
export class World {
  #clients = []
  #ending = []

  /** @param server its `endpoint`, the `group` of checks, its announced `limits`; `start`, if servers can be started */
  constructor(server, { patience }) {
    this.server = server
    this.patience = patience
    this.limits = server.limits
  }

  /** A connection that has sent nothing; of several nodes, to each in turn. */
  connect() {
    const { endpoint } = this.server
    return this.#open(endpoint.nodes?.[dealt++ % endpoint.nodes.length] ?? endpoint)
  }

  /** The same without TLS, even if the server expects it. */
  connectPlainly() {
    return this.#open({ ...this.server.endpoint, tls: undefined })
  }

  async #open(endpoint) {
    const { inspect, settled } = this.server
    const client = await open(endpoint, { patience: this.patience, inspect, settled })
    this.#clients.push(client)
    return client
  }

  /** A client with exactly this name; logged in when the promise resolves. */
  async loginAs(name) {
    const client = await this.connect()
    client.name = name
    client.send(name)
    const before = await this.barrier(client)
    if (before.length > 0) throw new Failure("a login that is not answered", JSON.stringify(before))
    return client
  }

  /** Clients with fresh names that begin with `bases`. */
  login(...bases) {
    return Promise.all(bases.map((base) => this.loginAs(fresh(base))))
  }

  /** The same, after `/hello`. */
  async greet(...bases) {
    const clients = await this.login(...bases)
    for (const client of clients) {
      client.send("/hello")
      await client.gets(/^\* hello /u)
    }
    return clients
  }

  /** Waits until the server has handled everything the client sent; returns the lines that arrived before that. */
  barrier(client) {
    return this.server.group === "original" ? client.echo() : client.answers()
  }

  /**
   * Over a bridge, where a signal would overtake what was written: waits until the server has what this client has
   * sent.
   */
  async handOver(client) {
    if (this.server.endpoint.isBridge) await client.answers()
  }

  /** Starts a server for this check alone, with these flags. `ended` and `signal` concern its process. */
  async serve(...flags) {
    const { ended, endpoint, kill, signal } = await this.server.start(flags, this.patience)
    const own = new World({ ...this.server, endpoint }, { patience: this.patience })
    this.#ending.push(() => own.close(), kill)
    return Object.assign(own, { ended, signal })
  }

  /** Throws if any client received a line that the protocol does not allow. */
  inspect() {
    for (const client of this.#clients) client.inspect()
  }

  async close() {
    for (const client of this.#clients) client.destroy()
    for (const end of this.#ending) await end()
  }
}

/** Measures the parts of a check that prove something only on a machine that is fast enough for them. */
class Stopwatch {
  #begun = []
  #longest = 0

  /** A part begins. */
  begin() {
    this.#begun.push(performance.now())
  }

  /** The part that has run longest is over. */
  end() {
    this.#longest = Math.max(this.#longest, performance.now() - this.#begun.shift())
  }

  async within(part) {
    this.begin()
    const value = await part()
    this.end()
    return value
  }

  /** What the longest part took, in milliseconds. A part that has not ended takes until now. */
  get longest() {
    return Math.max(this.#longest, performance.now() - (this.#begun[0] ?? Infinity))
  }
}

/**
 * Runs a check of something that depends on time: that the server acts after `millis`, and the client before that. If
 * the part that the client must do in that time took longer, the attempt shows nothing about the server, and the next
 * of these times is tried. What fails on a machine that was fast enough has failed.
 *
 * @param times to try one after the other, in milliseconds
 * @param attempt is called with one of them, and a `Stopwatch` for what the client must do in that time
 */
export const timed = async (times, attempt) => {
  for (const [index, millis] of times.entries()) {
    const stopwatch = new Stopwatch()
    try {
      return await attempt(millis, stopwatch)
    } catch (error) {
      if (stopwatch.longest < millis || index === times.length - 1) throw error
    }
  }
}

/**
 * Runs what a client does that is refused as soon as it has connected. A server has no second for such a client: over
 * TLS, one that is slower with its handshake is closed without a word, and tries again.
 */
export const asRefused = (part) => timed(Array(8).fill(1_000), (_, stopwatch) => stopwatch.within(part))

/** How many clients were dealt over the nodes. */
let dealt = 0

const outcome = async (check, server, options) => {
  const missing = check.needs.map((need) => server.lacks[need]).find((reason) => reason !== undefined)
  if (missing !== undefined) return { ...check, state: "skipped", reason: missing }
  const world = new World(server, options)
  try {
    await check.run(world)
    world.inspect()
    return { ...check, state: "ok" }
  } catch (error) {
    const { expected = "no error in the check itself", got = error.stack } = error instanceof Failure ? error : {}
    return { ...check, state: "failed", expected, got }
  } finally {
    await world.close()
  }
}

/** Runs all checks, several at a time, since they mostly wait. The server's `lacks` says why a need cannot be met. */
export const runAll = async (checks, serverOf, { atOnce, patience }) => {
  const start = performance.now()
  const outcomes = []
  const rest = checks.entries()
  const worker = async () => {
    for (const [index, check] of rest) outcomes[index] = await outcome(check, serverOf(check.group), { patience })
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return { outcomes, seconds: (performance.now() - start) / 1000 }
}
