import * as Wire from "../protocol/Wire.js"
import type { Budget } from "./Budget.js"
import type { Peer } from "./Peer.js"
import type { Destination, Route, RoutePart } from "./Route.js"
import * as RouteParts from "./RouteParts.js"

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

/** The part of that memory that remains in use after the oldest routes were forgotten. */
const keptPart = 7 / 8

/** The memory for a route and for each of its names: V8's objects, and the entries in the two maps below. */
const routeBytes = 400
const nameBytes = 200

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
    const suffixBytes = this.parts.reduce((sum, { suffix }) => sum + suffix.length, 0)
    return routeBytes + this.head.length + this.names.length * nameBytes + suffixBytes
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
 * The routes that contain one name. Most names are in a single route, which needs no set (benchmark: idle memory, 2 %).
 */
type RoutesOfName = KnownRoute | Set<KnownRoute>

const withRoute = (routes: RoutesOfName | undefined, route: KnownRoute): RoutesOfName => {
  if (routes === undefined) return route
  return routes instanceof Set ? routes.add(route) : new Set([routes, route])
}

/** `routes` without `route`; undefined if no other is left. */
const withoutRoute = (routes: RoutesOfName | undefined, route: KnownRoute): RoutesOfName | undefined => {
  if (!(routes instanceof Set)) return routes === route ? undefined : routes
  routes.delete(route)
  return routes.size === 0 ? undefined : routes
}

const allOf = (routes: RoutesOfName | undefined): Iterable<KnownRoute> => {
  if (routes === undefined) return none
  return routes instanceof Set ? routes : [routes]
}

const none: ReadonlyArray<never> = []

/**
 * Resolves addresses to routes, and remembers them for all senders. A name that changes makes only those routes stale
 * that contain it.
 */
export class Directory {
  private readonly routes = new Map<string, KnownRoute>()
  private readonly byName = new Map<string, RoutesOfName>()
  private used = 0
  private current: ReadonlyArray<Resolver>

  constructor(
    private readonly budget: Budget,
    /** Tried in this order; the first that resolves a name wins. */
    private readonly resolvers: ReadonlyArray<Resolver>
  ) {
    this.current = resolvers
  }

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
    const found: Array<RouteParts.FoundRecipient> = []
    const absent: Array<string> = []
    // Copies: in V8, a slice would keep the whole read buffer alive.
    const copies = names.map(Wire.copy)
    for (const name of copies) {
      const destination = this.find(name)
      if (destination === undefined) absent.push(name)
      else found.push({ name, destination })
    }
    return this.remember(
      new KnownRoute(Wire.copy(head), RouteParts.make(found), absent.length === 0 ? none : absent, copies)
    )
  }

  private find(name: string): Destination<Peer> | undefined {
    for (const resolver of this.current) {
      const destination = resolver.resolve(name)
      if (destination !== undefined) return destination
    }
    return undefined
  }

  private remember(route: KnownRoute): KnownRoute {
    const { cost } = route
    const most = Math.min(maxRouteBytes, this.budget.limit * maxRoutePart)
    if (this.used + cost > most) this.makeRoom(most * keptPart)
    this.routes.set(route.head, route)
    this.count(cost)
    for (const name of route.names) this.byName.set(name, withRoute(this.byName.get(name), route))
    return route
  }

  /**
   * Forgets the oldest routes until the others take at most `bytes` of memory. Many at a time rather than one per
   * login: to find the oldest entry of a map, V8 iterates over the deleted ones, of which there are thousands where
   * clients come and go.
   */
  private makeRoom(bytes: number) {
    for (const oldest of this.routes.values()) {
      if (this.used <= bytes) return
      this.forget(oldest)
    }
  }

  /** Forgets the routes that contain a name whose destination has changed. */
  changed(name: string) {
    for (const route of allOf(this.byName.get(name))) this.forget(route)
  }

  /** Forgets all routes. */
  clear() {
    for (const route of this.routes.values()) this.forget(route)
  }

  /** Resolves all names with this resolver alone; undefined restores the usual ones. */
  divert(resolver: Resolver | undefined) {
    this.current = resolver === undefined ? this.resolvers : [resolver]
    this.clear()
  }

  private forget(route: KnownRoute) {
    this.routes.delete(route.head)
    this.count(-route.cost)
    for (const name of route.names) {
      const routes = withoutRoute(this.byName.get(name), route)
      if (routes === undefined) this.byName.delete(name)
    }
    route.forget()
  }

  private count(bytes: number) {
    this.used += bytes
    this.budget.used += bytes
  }
}
