// Clients at all nodes of a cluster, which show that what was sent before is where it goes. Imported, not run.
import { setTimeout } from "node:timers/promises"

/**
 * A line to a client at another node may arrive after the reply to a `/ping` that follows it. What one node sends to
 * another arrives in order: once lines of couriers at each node have reached those at all nodes, so have all lines
 * before them.
 */
export class Couriers {
  #all
  #label = 0
  #running = Promise.resolve()
  #waiting

  /** @param all a client that is logged in at each node */
  constructor(all) {
    this.#all = all
  }

  /** Resolves once everything that was sent before has arrived, with its outcomes. Calls that wait share a round. */
  settled() {
    this.#waiting ??= this.#after(this.#running)
    return this.#waiting
  }

  async #after(running) {
    await running
    this.#running = this.#waiting
    this.#waiting = undefined
    // A line to a name that its node does not know goes on once the others were asked. The second round is for
    // outcomes.
    await setTimeout(20)
    await this.#round()
    await this.#round()
  }

  async #round() {
    const label = `@c${++this.#label}`
    const names = this.#all.map(({ name }) => name)
    await Promise.all(
      this.#all.map((courier) => {
        const written = `* written ${label} `
        const reached = new Set()
        courier.send(`${label} ${names.join(", ")}: x`)
        return courier.until(`${written}${names.join(", ")}`, () => {
          for (const line of courier.lines.splice(0)) {
            if (!line.startsWith(written)) continue
            for (const name of line.slice(written.length).split(": ")[0].split(", ")) reached.add(name)
          }
          return reached.size === names.length ? true : undefined
        })
      })
    )
  }
}
