import * as Wire from "../protocol/Wire.js"
import type { Budget } from "./Budget.js"
import type { Outbox } from "./Outbox.js"
import type { Peer } from "./Peer.js"
import type { Destination, Route, RoutePart } from "./Route.js"

/**
 * Resolves some of the names that lines can be addressed to. It must call `Directory.changed` with a name whenever the
 * destination of that name, or the form of one of its outboxes, changes.
 */
export interface Resolver {
  /** Returns undefined if the name belongs to another resolver, or is offline. `name` is in wire form. */
  resolve(name: string): Destination<Peer> | undefined
}

/** The most memory used for remembered routes, and the most of the budget. Beyond it, the oldest are forgotten. */
const maxRouteBytes = 8 * 1_048_576
const maxRoutePart = 1 / 8

/** The memory for a route and for each of its names: V8's objects, and the entries in the two maps below. */
const routeBytes = 400
const nameBytes = 200

/** The outboxes of a route, grouped by the bytes that they get. */
class Parts {
  readonly all: Array<RoutePart<Peer> & { readonly outboxes: Array<Outbox<Peer>> }> = []

  add({ outboxes, suffix }: Destination<Peer>) {
    for (const outbox of outboxes) {
      const { form } = outbox
      // There are few: a scan is faster than a map with a key of both.
      const part = this.all.find((one) => one.suffix === suffix && one.form === form)
      if (part === undefined) this.all.push({ outboxes: [outbox], suffix, form })
      else part.outboxes.push(outbox)
    }
  }
}

const partsOf = (destination: Destination<Peer>): ReadonlyArray<RoutePart<Peer>> => {
  const { outboxes, suffix } = destination
  const [outbox] = outboxes
  if (outboxes.length === 1 && outbox !== undefined) return [{ outboxes, suffix, form: outbox.form }]
  const parts = new Parts()
  parts.add(destination)
  return parts.all
}

class KnownRoute implements Route<Peer> {
  isStale = false
  constructor(
    public head: string,
    public parts: ReadonlyArray<RoutePart<Peer>>,
    public absent: ReadonlyArray<string>,
    /** All recipients, including absent ones. */
    public names: ReadonlyArray<string>
  ) {}

  get cost(): number {
    return routeBytes + this.head.length + this.names.length * nameBytes
  }

  /** Drops everything but the stale mark: a sender may still refer to this route. */
  forget() {
    this.isStale = true
    this.head = ""
    this.parts = []
    this.absent = []
    this.names = []
  }
}

/**
 * Resolves addresses to routes, and remembers them for all senders. A name that changes makes only those routes stale
 * that contain it.
 */
export class Directory {
  private readonly routes = new Map<string, KnownRoute>()
  private readonly byName = new Map<string, Set<KnownRoute>>()
  private used = 0

  constructor(
    private readonly budget: Budget,
    /** Tried in this order; the first that resolves a name wins. */
    private readonly resolvers: ReadonlyArray<Resolver>
  ) {}

  /** The memory of all remembered routes. */
  get cost(): number {
    return this.used
  }

  /** The remembered route of an address, if there is one. */
  remembered(head: string): Route<Peer> | undefined {
    return this.routes.get(head)
  }

  /**
   * @param head the address, including the `:`
   * @param names its recipients, each once
   */
  resolve(head: string, names: ReadonlyArray<string>): Route<Peer> {
    const known = this.routes.get(head)
    if (known !== undefined) return known
    const [first] = names
    if (names.length === 1 && first !== undefined) return this.resolveOne(head, first)
    const parts = new Parts()
    const absent: Array<string> = []
    // Copies: in V8, a slice would keep the whole read buffer alive.
    const copies = names.map(Wire.copy)
    for (const name of copies) {
      const destination = this.find(name)
      if (destination === undefined) absent.push(name)
      else parts.add(destination)
    }
    return this.remember(new KnownRoute(Wire.copy(head), parts.all, absent, copies))
  }

  /** Most addresses are one name (benchmark: churn). */
  private resolveOne(head: string, given: string): Route<Peer> {
    const name = Wire.copy(given)
    const destination = this.find(name)
    const [parts, absent] = destination === undefined ? [[], [name]] : [partsOf(destination), []]
    return this.remember(new KnownRoute(Wire.copy(head), parts, absent, [name]))
  }

  private find(name: string): Destination<Peer> | undefined {
    for (const resolver of this.resolvers) {
      const destination = resolver.resolve(name)
      if (destination !== undefined) return destination
    }
    return undefined
  }

  private remember(route: KnownRoute): KnownRoute {
    const { cost } = route
    const most = Math.min(maxRouteBytes, this.budget.limit * maxRoutePart)
    for (const oldest of this.routes.values()) {
      if (this.used + cost <= most) break
      this.forget(oldest)
    }
    this.routes.set(route.head, route)
    this.count(cost)
    for (const name of route.names) {
      const routes = this.byName.get(name)
      if (routes === undefined) this.byName.set(name, new Set([route]))
      else routes.add(route)
    }
    return route
  }

  /** Forgets the routes that contain a name whose destination has changed. */
  changed(name: string) {
    for (const route of this.byName.get(name) ?? []) this.forget(route)
  }

  /** Forgets all routes. For when no client is left to use them. */
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
