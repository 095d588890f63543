import type {
  ConnectionOptions,
  connect,
  createInbox,
  headers,
  Msg,
  NatsConnection as Client
} from "@nats-io/transport-node"
import type { credsAuthenticator, nkeyAuthenticator } from "@nats-io/transport-node"
import { createRequire } from "node:module"
import { setTimeout } from "node:timers/promises"
import type { TakePayload } from "./NatsStream.js"
import { NatsTap } from "./NatsTap.js"

/** The part of the package `@nats-io/transport-node` that is used. */
export interface NatsDriver {
  readonly connect: typeof connect
  readonly createInbox: typeof createInbox
  readonly headers: typeof headers
  readonly credsAuthenticator: typeof credsAuthenticator
  readonly nkeyAuthenticator: typeof nkeyAuthenticator
}

/**
 * Loads the driver.
 *
 * @param file `nats.cjs`, which the build makes of the package
 */
export const natsDriver = (file: string): NatsDriver => createRequire(file)(file) as NatsDriver

export interface NatsConnectionOptions {
  /** Where to connect, and as whom. */
  readonly connect: ConnectionOptions
  /** A connection that leaves a ping unanswered for four of these is given up. */
  readonly pingMillis: number
  /** What is published beyond this number of bytes that no ping has confirmed is dropped. */
  readonly maxUnconfirmedBytes: number
  /** A server that takes only smaller messages, in bytes, is not used. */
  readonly minPayload: number
}

/** What is to be done with the connection, while there is one. */
export interface ConnectionUser {
  /** A new connection, on which nothing is subscribed yet. */
  readonly up: () => void
  readonly down: () => void
}

/** The connection is not there, or was lost. */
export class NotConnected extends Error {
  constructor() {
    super("the engine cannot be reached")
  }
}

/**
 * Nobody has subscribed to the subject of a request: for requests to JetStream, its stream or the leader of that is not
 * there.
 */
export class NobodyAnswers extends Error {
  constructor(subject: string) {
    super(`no server answers ${subject}`)
  }
}

/** Between two rounds of attempts to connect to each of the servers. */
const retryMillis = 100

/** How many bytes may be published before a ping asks whether they have arrived. */
const confirmBytes = 256 * 1024

/** How long a connection that is closed may take to send what was published before. */
const closeMillis = 500

/**
 * A connection to NATS that is made anew when it is lost, from nothing: the package's own reconnection keeps what was
 * published meanwhile in memory without a bound, and never starts while a peer takes no bytes, because it flushes
 * first.
 */
export class NatsConnection {
  private client: Client | undefined
  private tap: NatsTap | undefined
  /**
   * The attempt to connect that is in progress. Two at once would make two clients, one of which would never be closed.
   */
  private connecting: Promise<void> | undefined
  private readonly users = new Set<ConnectionUser>()
  private timer: NodeJS.Timeout | undefined
  private isClosed = false
  private published = 0
  private confirmed = 0
  /** How many ticks of `timer` the ping in flight has seen; undefined: none is in flight. */
  private pingTicks: number | undefined

  constructor(
    private readonly driver: NatsDriver,
    private readonly options: NatsConnectionOptions
  ) {}

  /**
   * Connects to one of the servers, unless there is a connection. A call during an attempt waits for that one. The
   * promise fails if no server can be used, or after `close`.
   */
  open(): Promise<void> {
    if (this.isUp) return Promise.resolve()
    this.connecting ??= this.connect().finally(() => (this.connecting = undefined))
    return this.connecting
  }

  get isUp(): boolean {
    return this.client !== undefined
  }

  /** The address of the server; undefined while there is no connection. */
  get server(): string | undefined {
    return this.client?.getServer()
  }

  /** The largest message in bytes, as the server says. */
  get maxPayload(): number {
    return this.client?.info?.max_payload ?? 1024 * 1024
  }

  /** That of the server, such as `2.9.21`; undefined while there is no connection. */
  get version(): string | undefined {
    return this.client?.info?.version
  }

  /** Whether the server is one of several, which elect leaders for their streams. */
  get isClustered(): boolean {
    return this.client?.info?.cluster !== undefined
  }

  /** Adds a user, which is notified of an existing connection at once. */
  use(user: ConnectionUser): () => void {
    this.users.add(user)
    if (this.isUp) user.up()
    return () => this.users.delete(user)
  }

  /** Subscribes on the present connection only. Returns the end of the subscription. */
  subscribe(subject: string, callback: (message: Msg) => void): () => void {
    const subscription = this.client?.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) callback(message)
      }
    })
    return () => {
      if (subscription?.isClosed() === false) subscription.unsubscribe()
    }
  }

  /** The same, for as long as there is this connection. */
  subscribePayloads(subject: string, take: TakePayload): void {
    if (this.tap === undefined) this.subscribe(subject, ({ data }) => take(data))
    else this.tap.subscribe(subject, take)
  }

  /** Drops the message while the engine takes none. The data must not change as long as it may be on its way. */
  publish(subject: string, data: Uint8Array): void {
    if (this.client === undefined || data.length > this.maxPayload) return
    if (this.published - this.confirmed >= this.options.maxUnconfirmedBytes) return
    if (this.tap === undefined) this.client.publish(subject, data)
    else this.tap.publish(subject, data)
    this.published += data.length
    if (this.pingTicks === undefined && this.published - this.confirmed >= confirmBytes) void this.ping(this.client)
  }

  /**
   * Sends a request and waits for the answer. Fails with `NotConnected` or `NobodyAnswers`, or because the time is
   * over.
   */
  async request(
    subject: string,
    data: Uint8Array | string,
    timeout: number,
    headers: Readonly<Record<string, string>> = {}
  ): Promise<Msg> {
    const client = this.client
    if (client === undefined) throw new NotConnected()
    const names = Object.entries(headers)
    const options = names.length === 0 ? { timeout } : { timeout, headers: this.headersOf(names) }
    let answer: Msg
    try {
      answer = await client.request(subject, data, options)
    } catch (error) {
      if (this.client !== client) throw new NotConnected()
      // The package puts the error of the answer into the cause of one that has a stack.
      const names = [error, error instanceof Error ? error.cause : undefined].map((error) => (error as Error)?.name)
      throw names.includes("NoResponders") ? new NobodyAnswers(subject) : error
    }
    return answer
  }

  /** Waits until everything published has arrived at the engine. */
  async flush(): Promise<void> {
    if (this.client === undefined) throw new NotConnected()
    await this.client.flush()
  }

  inbox(): string {
    return this.driver.createInbox(this.options.connect.inboxPrefix)
  }

  async close(): Promise<void> {
    this.isClosed = true
    const client = this.client
    if (client === undefined) return
    const timeout = new AbortController()
    await Promise.race([client.flush(), setTimeout(closeMillis, undefined, timeout)]).catch(() => {}) // it is lost
    timeout.abort()
    this.end(client)
  }

  private headersOf(entries: ReadonlyArray<readonly [string, string]>) {
    const headers = this.driver.headers()
    for (const [name, value] of entries) headers.set(name, value)
    return headers
  }

  private async connect(): Promise<void> {
    if (this.isClosed) throw new NotConnected()
    const client = await this.driver.connect(this.options.connect)
    const { minPayload } = this.options
    const payload = client.info?.max_payload ?? minPayload
    if (!this.isClosed && payload >= minPayload) return this.begin(client)
    void client.close().catch(() => {}) // it was lost before
    if (this.isClosed) throw new NotConnected()
    throw new Error(`its max_payload is ${payload}; it has to be ${minPayload}, the default, or more`)
  }

  private begin(client: Client): void {
    this.client = client
    this.tap = NatsTap.on(client)
    this.published = this.confirmed = 0
    this.pingTicks = undefined
    void client.closed().then(() => this.lost(client))
    this.timer = globalThis.setInterval(() => this.tick(client), this.options.pingMillis)
    for (const user of this.users) user.up()
  }

  private tick(client: Client): void {
    if (this.pingTicks === undefined) return void this.ping(client)
    // Ticks, not the clock: after the process has slept, the answer may be waiting to be read.
    this.pingTicks += 1
    if (this.pingTicks >= 4) this.lost(client)
  }

  private async ping(client: Client): Promise<void> {
    this.pingTicks = 0
    const mark = this.published
    try {
      await client.flush()
    } catch {
      return // it is lost
    }
    if (this.client !== client) return
    this.confirmed = mark
    this.pingTicks = undefined
  }

  private lost(client: Client): void {
    if (!this.end(client)) return
    if (!this.isClosed) void this.again()
  }

  private end(client: Client): boolean {
    if (this.client !== client) return false
    this.client = undefined
    this.tap = undefined
    globalThis.clearInterval(this.timer)
    for (const user of this.users) user.down()
    void client.close().catch(() => {}) // it was lost before
    return true
  }

  private async again(): Promise<void> {
    while (!this.isClosed) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one attempt after the other
        return await this.open()
      } catch {
        await setTimeout(retryMillis * (1 + Math.random()), undefined, { ref: false })
      }
    }
  }
}
