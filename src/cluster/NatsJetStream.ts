import type { Msg } from "@nats-io/transport-node"
import { NobodyAnswers, type NatsConnection } from "./NatsConnection.js"

/**
 * The requests to JetStream that the directory needs, as they are on the wire (docs.nats.io, "JetStream wire API
 * reference"). The package for JetStream is not used: it sends writes again after a time-out, and its watch goes on
 * after the numbers of a stream that was made anew, so that it never reports anything again.
 */

/** The codes of errors, from errors.json of nats-server. */
export const codes = {
  unavailable: 10008,
  noMessage: 10037,
  streamExists: 10058,
  streamNotFound: 10059,
  wrongLastSequence: 10071
} as const

/** The leader of a stream waits for a quarter of a second before it stands down and answers. */
const stepDownMillis = 2_000

/** JetStream refuses a request. */
export class JetStreamError extends Error {
  constructor(
    readonly code: number,
    description: string
  ) {
    super(description)
  }
}

export const isRefused = (error: unknown, ...of: ReadonlyArray<number>): boolean =>
  error instanceof JetStreamError && of.includes(error.code)

/** The number in a refusal because of a wrong last sequence; undefined if it is another error. */
export const lastSequenceIn = (error: unknown): number | undefined => {
  if (!isRefused(error, codes.wrongLastSequence)) return undefined
  const [, digits] = /: (\d+)$/u.exec((error as JetStreamError).message) ?? []
  return digits === undefined ? undefined : Number(digits)
}

export interface StreamInfo {
  readonly config: { readonly subjects: ReadonlyArray<string> }
  /** The number of its last message, also if that was deleted; 0 if there was none. */
  readonly state: { readonly last_seq: number }
  /** Which server leads it; none: nobody does, and the state is that of nobody. Without several servers undefined. */
  readonly cluster?: { readonly leader?: string }
}

export interface StoredMessage {
  readonly subject: string
  readonly sequence: number
  readonly value: string
  /** It says that the entry was removed. */
  readonly isMarker: boolean
}

interface Answer {
  readonly error?: { readonly err_code?: number; readonly code?: number; readonly description?: string }
}

/** What a message must have as a header to be a marker; as in the key-value buckets of NATS. */
const operation = "KV-Operation"
const removal = "DEL"

export class NatsJetStream {
  constructor(
    private readonly connection: NatsConnection,
    private readonly timeoutMillis: number
  ) {}

  async streamInfo(stream: string): Promise<StreamInfo> {
    return this.call(`STREAM.INFO.${stream}`, {})
  }

  /**
   * Makes a stream with one message for each subject, on the disks of three servers, or on that of one. In memory, a
   * server that was killed would come back without what it has confirmed, and could help one to be elected that lacks
   * the latest messages.
   */
  async makeStream(stream: string, subjects: string, isClustered: boolean): Promise<StreamInfo> {
    return this.call(`STREAM.CREATE.${stream}`, {
      name: stream,
      subjects: [subjects],
      retention: "limits",
      discard: "new",
      max_msgs_per_subject: 1,
      max_consumers: -1,
      max_msgs: -1,
      max_bytes: -1,
      max_age: 0,
      storage: "file",
      num_replicas: isClustered ? 3 : 1
    })
  }

  async deleteStream(stream: string): Promise<void> {
    await this.call(`STREAM.DELETE.${stream}`, {})
  }

  /** Has the leader of a stream let another one be elected. Fails if it does not answer. */
  async stepDown(stream: string): Promise<void> {
    await this.call(`STREAM.LEADER.STEPDOWN.${stream}`, {}, stepDownMillis)
  }

  /** The last message of a subject, as the leader of the stream has it. */
  async lastMessage(stream: string, subject: string): Promise<StoredMessage | undefined> {
    try {
      const { message } = await this.call<{
        message: { subject: string; seq: number; data?: string; hdrs?: string }
      }>(`STREAM.MSG.GET.${stream}`, { last_by_subj: subject })
      const headers = Buffer.from(message.hdrs ?? "", "base64").toString()
      return {
        subject: message.subject,
        sequence: message.seq,
        value: Buffer.from(message.data ?? "", "base64").toString(),
        isMarker: headers.includes(`${operation}: ${removal}`)
      }
    } catch (error) {
      if (isRefused(error, codes.noMessage)) return undefined
      throw error
    }
  }

  /** Whether the leader of the stream has a message with a higher number than this one. */
  async hasAfter(stream: string, sequence: number): Promise<boolean> {
    try {
      await this.call(`STREAM.MSG.GET.${stream}`, { next_by_subj: ">", seq: sequence + 1 })
      return true
    } catch (error) {
      if (isRefused(error, codes.noMessage)) return false
      throw error
    }
  }

  /**
   * Writes a message, or a marker (undefined), if the last one of its subject has this number. Returns its number.
   *
   * @param last also required: the number of the last message of the whole stream
   */
  async write(subject: string, value: string | undefined, expected: number, last?: number): Promise<number> {
    const headers = {
      "Nats-Expected-Last-Subject-Sequence": String(expected),
      ...(last !== undefined && { "Nats-Expected-Last-Sequence": String(last) }),
      ...(value === undefined && { [operation]: removal })
    }
    const answer = await this.connection.request(subject, value ?? "", this.timeoutMillis, headers)
    return checked<{ seq: number }>(answer).seq
  }

  /** Deletes the message of this number. */
  async deleteMessage(stream: string, sequence: number): Promise<void> {
    await this.call(`STREAM.MSG.DELETE.${stream}`, { seq: sequence, no_erase: true })
  }

  /**
   * Has the last message of each subject delivered to an inbox, and then every new one. Returns the name of the
   * consumer, and how many messages there are.
   */
  async deliver(
    stream: string,
    subjects: string,
    inbox: string,
    heartbeatMillis: number
  ): Promise<{ readonly name: string; readonly count: number }> {
    const { name, num_pending: count } = await this.call<{ name: string; num_pending?: number }>(
      `CONSUMER.CREATE.${stream}`,
      {
        stream_name: stream,
        config: {
          deliver_subject: inbox,
          deliver_policy: "last_per_subject",
          filter_subject: subjects,
          ack_policy: "none",
          replay_policy: "instant",
          max_deliver: -1,
          flow_control: true,
          idle_heartbeat: Math.round(heartbeatMillis * 1e6), // nats-server refuses a fraction
          inactive_threshold: 30e9,
          mem_storage: true,
          num_replicas: 1
        }
      }
    )
    return { name, count: count ?? 0 }
  }

  async deleteConsumer(stream: string, name: string): Promise<void> {
    await this.call(`CONSUMER.DELETE.${stream}.${name}`, {})
  }

  private async call<A>(request: string, body: object, timeoutMillis = this.timeoutMillis): Promise<A> {
    const subject = `$JS.API.${request}`
    try {
      return checked<A>(await this.connection.request(subject, JSON.stringify(body), timeoutMillis))
    } catch (error) {
      if (!(error instanceof NobodyAnswers)) throw error
      throw new Error("the NATS server has no JetStream, or no leader of it at the moment", { cause: error })
    }
  }
}

const checked = <A>(message: Msg): A => {
  const answer = message.json<A & Answer>()
  const { error } = answer
  if (error !== undefined) throw new JetStreamError(error.err_code ?? 0, error.description ?? "refused")
  return answer
}

/** What a consumer delivers. */
export type Delivery =
  | { readonly _tag: "Message"; readonly message: StoredMessage; readonly number: number; readonly pending: number }
  | { readonly _tag: "Heartbeat"; readonly number: number }
  | { readonly _tag: "FlowControl" }
  | { readonly _tag: "Ended"; readonly reason: string }

/**
 * The numbers in the reply subject of a delivery, which has 9 words, or 11 and more (nats-architecture-and-design,
 * ADR-15):
 *
 *     $JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<consumer sequence>.<time>.<pending>
 *     $JS.ACK.<domain>.<account>.<stream>.<consumer>.<deliveries>. … .<pending>.<random word, or nothing>
 */
const numbersIn = (reply: string) => {
  const words = reply.split(".")
  const [sequence, number, , pending] = words.slice(words.length < 11 ? 5 : 7).map(Number)
  return { sequence: sequence ?? NaN, number: number ?? NaN, pending: pending ?? NaN }
}

/** Parses what comes into the inbox of a consumer, and answers what wants an answer. */
export const deliveredOf = (message: Msg, connection: NatsConnection): Delivery => {
  const { headers } = message
  if (headers !== undefined && headers.code > 0) {
    if (headers.code !== 100) return { _tag: "Ended", reason: `${headers.code} ${headers.description}` }
    if (message.reply) {
      connection.publish(message.reply, new Uint8Array())
      return { _tag: "FlowControl" }
    }
    const stalled = headers.get("Nats-Consumer-Stalled")
    if (stalled) connection.publish(stalled, new Uint8Array())
    return { _tag: "Heartbeat", number: Number(headers.get("Nats-Last-Consumer") || 0) }
  }
  const { number, pending, sequence } = numbersIn(message.reply ?? "")
  return {
    _tag: "Message",
    number,
    pending,
    message: {
      subject: message.subject,
      sequence,
      value: message.string(),
      isMarker: headers?.get(operation) === removal
    }
  }
}
