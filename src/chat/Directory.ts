import * as Wire from "../protocol/Wire.js"
import type { Budget } from "./Budget.js"
import type { Outbox } from "./Outbox.js"
import type { Peer } from "./Peer.js"
import type { Destination, Route } from "./Route.js"

/**
 * Knows some of the names that lines can be addressed to. When lines to a name go elsewhere than before, it calls
 * `Directory.changed` with that name.
 */
export interface Resolver {
  /** @param name in wire form; undefined if the name is none of its own, or nobody of that name is here */
  resolve(name: string): Destination<Peer> | undefined
}

/** The memory for remembered routes. The oldest are forgotten when there are more. */
const maxRouteBytes = 8 * 1_048_576

/** What a route takes, and each of its names: V8's objects, and the entries in the two maps below. */
const routeBytes = 400
const nameBytes = 200

class KnownRoute implements Route<Peer> {
  isStale = false
  constructor(
    public head: string,
    public parts: ReadonlyArray<Destination<Peer>>,
    public absent: ReadonlyArray<string>,
    /** Recipients, absent ones included. */
    public names: ReadonlyArray<string>
  ) {}

  get cost(): number {
    return routeBytes + this.head.length + this.names.length * nameBytes
  }

  /** A sender may still refer to it: keeps nothing but the mark. */
  forget() {
    this.isStale = true
    this.head = ""
    this.parts = []
    this.absent = []
    this.names = []
  }
}

/**
 * Turns addresses into routes, and remembers them for all senders. What comes and goes elsewhere leaves a route alone: a
 * name that changes makes only the routes stale that contain it.
 */
export class Directory {
  private readonly routes = new Map<string, KnownRoute>()
  private readonly byName = new Map<string, Set<KnownRoute>>()
  private used = 0

  constructor(
    private readonly budget: Budget,
    /** Asked in this order; the first that knows a name has it. */
    private readonly resolvers: ReadonlyArray<Resolver>
  ) {}

  /** The route of an address that was resolved before, if it is remembered. */
  remembered(head: string): Route<Peer> | undefined {
    return this.routes.get(head)
  }

  /** @param head the address with its `:`; `names` are its recipients, each once */
  resolve(head: string, names: ReadonlyArray<string>): Route<Peer> {
    const known = this.routes.get(head)
    if (known !== undefined) return known
    const bySuffix = new Map<string, Array<Outbox<Peer>>>()
    const absent: Array<string> = []
    // Copies, since a slice would keep the whole read alive that it was cut from.
    const copies = names.map(Wire.copy)
    for (const name of copies) {
      const destination = this.find(name)
      if (destination === undefined) absent.push(name)
      else {
        const outboxes = bySuffix.get(destination.suffix)
        if (outboxes === undefined) bySuffix.set(destination.suffix, [...destination.outboxes])
        else outboxes.push(...destination.outboxes)
      }
    }
    const parts = Array.from(bySuffix, ([suffix, outboxes]) => ({ outboxes, suffix }))
    const route = new KnownRoute(Wire.copy(head), parts, absent, copies)
    this.remember(route)
    return route
  }

  private find(name: string): Destination<Peer> | undefined {
    for (const resolver of this.resolvers) {
      const destination = resolver.resolve(name)
      if (destination !== undefined) return destination
    }
    return undefined
  }

  private remember(route: KnownRoute) {
    const { cost } = route
    for (const oldest of this.routes.values()) {
      if (this.used + cost <= maxRouteBytes) break
      this.forget(oldest)
    }
    this.routes.set(route.head, route)
    this.count(cost)
    for (const name of route.names) {
      const routes = this.byName.get(name)
      if (routes === undefined) this.byName.set(name, new Set([route]))
      else routes.add(route)
    }
  }

  /** Lines to this name go elsewhere from now on. */
  changed(name: string) {
    for (const route of this.byName.get(name) ?? []) this.forget(route)
  }

  /** Forgets all routes: nobody is here who could use them. */
  clear() {
    for (const route of this.routes.values()) this.forget(route)
  }

  private forget(route: KnownRoute) {
    this.routes.delete(route.head)
    this.count(-route.cost)
    for (const name of route.names) {
      const routes = this.byName.get(name)
      routes?.delete(route)
      if (routes?.size === 0) this.byName.delete(name)
    }
    route.forget()
  }

  private count(bytes: number) {
    this.used += bytes
    this.budget.used += bytes
  }
}
