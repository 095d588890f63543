// What a check is, what it gets to work with, and the run of many of them. Imported, not run.
import { performance } from "node:perf_hooks"
import { Failure, open } from "./client.mjs"

/**
 * Collects the checks of one section:
 *
 *   const { all, check } = section("promises", "2. Login")
 *   check("a good login is not answered", "A successful login gets no reply.", async (t) => { … }, { needs: ["tcp"] })
 *
 * The second argument is the sentence that the check proves, or an array of them, word for word. `needs` names what the check cannot do
 * without: `command` (it starts servers of its own), `tcp` (it breaks connections), `tls` (it is about that), `speed` (it
 * sends a lot); `common` is what all checks of a section need.
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

/** Nobody else has it, not even in another run: a check does not know who is on the server. */
export const fresh = (base) => `${base}-${run}${(++count).toString(36)}`

/** What a check works with: one server, as many clients as it likes, which are gone when the check is over. */
export class World {
  #clients = []
  #ending = []

  /** @param server `endpoint`, the group whose dialect it speaks, what it announced as `limits`; `start`, if it can be */
  constructor(server, { patience }) {
    this.server = server
    this.patience = patience
    this.limits = server.limits
  }

  /** A connection that has sent nothing. */
  connect() {
    return this.#open(this.server.endpoint)
  }

  /** The same without TLS, whatever the server speaks. */
  connectPlainly() {
    return this.#open({ ...this.server.endpoint, tls: undefined })
  }

  async #open(endpoint) {
    const client = await open(endpoint, { patience: this.patience, inspect: this.server.inspect })
    this.#clients.push(client)
    return client
  }

  /** A client under this very name, which the server knows when this returns. */
  async loginAs(name) {
    const client = await this.connect()
    client.name = name
    client.send(name)
    const before = await this.barrier(client)
    if (before.length > 0) throw new Failure("a login that is not answered", JSON.stringify(before))
    return client
  }

  /** Clients under fresh names that start so. */
  login(...bases) {
    return Promise.all(bases.map((base) => this.loginAs(fresh(base))))
  }

  /** The same, and they have said `/hello`. */
  async greet(...bases) {
    const clients = await this.login(...bases)
    for (const client of clients) {
      client.send("/hello")
      await client.gets(/^\* hello /u)
    }
    return clients
  }

  /** Everything that the client sent has been dealt with, and everything that was for it has come: its lines. */
  barrier(client) {
    return this.server.group === "original" ? client.echo() : client.answers()
  }

  /** A server of its own, with these flags, as a world; `ended` and `signal` are those of its process. */
  async serve(...flags) {
    const { ended, endpoint, kill, signal } = await this.server.start(flags, this.patience)
    const own = new World({ ...this.server, endpoint }, { patience: this.patience })
    this.#ending.push(() => own.close(), kill)
    return Object.assign(own, { ended, signal })
  }

  /** Throws if any client got a line that no server may send. */
  inspect() {
    for (const client of this.#clients) client.inspect()
  }

  async close() {
    for (const client of this.#clients) client.destroy()
    for (const end of this.#ending) await end()
  }
}

const outcome = async (check, server, options) => {
  const missing = check.needs.map((need) => server.lacks[need]).find((reason) => reason !== undefined)
  if (missing !== undefined) return { ...check, state: "skipped", reason: missing }
  const world = new World(server, options)
  try {
    await check.run(world)
    world.inspect()
    return { ...check, state: "ok" }
  } catch (error) {
    const { expected = "no fault of the check itself", got = error.stack } = error instanceof Failure ? error : {}
    return { ...check, state: "failed", expected, got }
  } finally {
    await world.close()
  }
}

/**
 * Runs all checks, several at a time, since most of their time is spent on waiting. `server` tells by `lacks` why a
 * need cannot be met.
 */
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
