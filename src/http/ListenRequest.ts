import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import { createHash, randomBytes, timingSafeEqual } from "node:crypto"
import type { ServerResponse } from "node:http"
import type { MemorySocket } from "../ports/MemorySocket.js"
import * as DoorMetrics from "./DoorMetrics.js"
import * as HttpRefusal from "./HttpRefusal.js"
import type { RequestIdentity } from "./Identity.js"
import { ListenConnection } from "./ListenConnection.js"
import { LineStream } from "./LineStream.js"
import { makesRoomMillis, MessageStream } from "./MessageStream.js"

/** `GET /listen`: the messages for a client, as they come. */

export interface ListenJob {
  /** Opens a connection to the chat; undefined while the server accepts none. */
  readonly connect: (facts: { readonly needsConfirmation: boolean }) => MemorySocket | undefined
  readonly identity: RequestIdentity
  /** The client's address without a port. */
  readonly host: string
  /** The name that the client's certificate proves. */
  readonly certificate: string | undefined
  /** Whether what the client sends is private. */
  readonly isPrivate: boolean
  readonly rooms: ReadonlyArray<string>
  readonly format: "events" | "lines"
  /** The id of the last event that the client has. */
  readonly lastEventId: string | undefined
  readonly response: ServerResponse
}

interface KeptStream {
  readonly stream: MessageStream
  /** A hash of who has opened it. */
  readonly owner: Buffer
  /** From where. */
  readonly host: string
}

/** How long the end of a stream is remembered, so that an EventSource learns not to come back, in milliseconds. */
const endedMillis = 30_000

/** The streams of a server. */
export class ListenStreams {
  private readonly streams = new Map<string, KeptStream>()
  private readonly lines = new Set<() => void>()

  /** @param maxStreams streams at once, those included whose clients are about to come back */
  constructor(private readonly maxStreams: number) {}

  private get size(): number {
    return this.streams.size + this.lines.size
  }

  private count() {
    DoorMetrics.publish(this.size)
  }

  /** Answers the request with a stream; fails before the response has begun. */
  run(job: ListenJob): Effect.Effect<void, HttpRefusal.HttpRefusal> {
    return Effect.suspend(() => {
      if (job.format === "events" && this.isContinued(job)) return Effect.void
      this.freeName(job)
      if (this.size >= this.maxStreams && !this.makeRoom()) return Effect.fail(full)
      return job.format === "events" ? this.openEvents(job) : this.openLines(job)
    })
  }

  /** Ends all streams. */
  close(): void {
    for (const { stream } of this.streams.values()) stream.close()
    this.streams.clear()
    for (const end of this.lines) end()
  }

  /**
   * A page that is loaded again knows no id: its guest's name would be in use, which ends its EventSource for good. So
   * the stream that it has left ends. A client at another address cannot take over a name like that.
   */
  private freeName(job: ListenJob) {
    if (job.identity.secret !== undefined) return
    const owner = ownerOf(job)
    for (const [id, { host, owner: other, stream }] of this.streams) {
      if (host !== job.host || stream.awayMillis < 0 || !timingSafeEqual(owner, other)) continue
      this.streams.delete(id)
      stream.close()
    }
  }

  /**
   * Ends the stream whose client has been away longest, if that is long: what it has not shown to have is not received.
   */
  private makeRoom(): boolean {
    const [longest] = [...this.streams].toSorted(
      ([, one], [, other]) => other.stream.awayMillis - one.stream.awayMillis
    )
    if (longest === undefined || longest[1].stream.awayMillis < makesRoomMillis) return false
    this.streams.delete(longest[0])
    longest[1].stream.close()
    return true
  }

  /** Whether the request continues with a stream that is still there. */
  private isContinued(job: ListenJob): boolean {
    const { lastEventId = "", response } = job
    const [, id = "", number = ""] = /^([\w-]+)\.(\d{1,15})$/u.exec(lastEventId) ?? []
    const kept = this.streams.get(id)
    if (kept === undefined || !timingSafeEqual(kept.owner, ownerOf(job))) return false
    const { stream } = kept
    stream.shown(Number(number))
    if (!stream.isOver) stream.attach(response)
    else if (stream.isFinal) response.writeHead(204).end()
    else return false
    return true
  }

  private openEvents(job: ListenJob): Effect.Effect<void, HttpRefusal.HttpRefusal> {
    return opening(job, false, ["ack", "seq", "to"], (connection, socket) => {
      const id = randomBytes(16).toString("base64url")
      const forget = () => {
        this.streams.delete(id)
        this.count()
      }
      const stream = new MessageStream(
        id,
        {
          pause: () => socket.pause(),
          resume: () => socket.resume(),
          acknowledge: (messages) => connection.acknowledge(messages),
          break: () => connection.break()
        },
        forget
      )
      this.streams.set(id, { stream, owner: ownerOf(job), host: job.host })
      this.count()
      stream.attach(job.response)
      return {
        lines: (lines) => stream.take(lines),
        ended: () => {
          stream.end()
          setTimeout(forget, endedMillis).unref()
        }
      }
    })
  }

  private openLines(job: ListenJob): Effect.Effect<void, HttpRefusal.HttpRefusal> {
    return opening(job, true, [], (_, socket) => {
      const stream = new LineStream(job.response, socket)
      const end = () => stream.end()
      this.lines.add(end)
      this.count()
      job.response.on("close", () => {
        this.lines.delete(end)
        this.count()
      })
      return { lines: (lines, bytes) => stream.take(lines, bytes), ended: end }
    })
  }
}

interface Sink {
  readonly lines: (lines: ReadonlyArray<string>, bytes: number) => void
  readonly ended: () => void
}

/** Logs in, and begins the response once the client is in its rooms. */
const opening = (
  { connect, identity, response, rooms }: ListenJob,
  needsConfirmation: boolean,
  words: ReadonlyArray<string>,
  begin: (connection: ListenConnection, socket: MemorySocket) => Sink
): Effect.Effect<void, HttpRefusal.HttpRefusal> =>
  Effect.suspend(() => {
    const opened = Deferred.unsafeMake<void, HttpRefusal.HttpRefusal>(FiberId.none)
    const socket = connect({ needsConfirmation })
    if (socket === undefined) return Effect.fail(HttpRefusal.closing())
    let sink: Sink | undefined = undefined
    const connection = new ListenConnection({
      socket,
      identity,
      rooms,
      words,
      needsConfirmation,
      events: {
        ready: () => {
          // The client may have gone while it was logged in.
          if (response.destroyed) connection.break()
          else sink = begin(connection, socket)
          Deferred.unsafeDone(opened, Exit.void)
        },
        refused: (why) => Deferred.unsafeDone(opened, Exit.fail(why)),
        lines: (lines, bytes) => sink?.lines(lines, bytes),
        ended: () => sink?.ended()
      }
    })
    return Deferred.await(opened)
  })

/** A stream is not continued with a secret that others can read, which a new one would not take. */
const ownerOf = ({ certificate = "", identity: { login, secret = "" }, isPrivate }: ListenJob): Buffer =>
  createHash("sha256").update(`${isPrivate}\n${certificate}\n${login}\n${secret}`).digest()

const full = new HttpRefusal.HttpRefusal({
  status: 503,
  code: "full",
  text: "the server has as many streams as it may have",
  retryMillis: 5000
})
