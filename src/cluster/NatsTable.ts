import { randomBytes } from "node:crypto"
import type { Entry, Table } from "../ports/Cluster.js"
import { NobodyAnswers, type NatsConnection } from "./NatsConnection.js"
import { NatsExactWrites } from "./NatsExactWrites.js"
import { codes, isRefused, type NatsJetStream } from "./NatsJetStream.js"
import { type LeaderRequest, NatsStuckLeader } from "./NatsStuckLeader.js"

/**
 * How long a marker of a removed entry stays: by its end every watch has seen it, or has been found broken and started
 * again.
 */
const markerMillis = 60_000

/**
 * Markers that are known, and those that wait to be deleted. Those beyond stay until a server reads the table from its
 * start.
 */
const maxMarkers = 100_000

/** How many markers are deleted at once. */
const deletions = 16

/** How long a stream may have no leader before it is made anew. Elections take seconds. */
const leaderlessMillis = 30_000

/** How long this node's writes are remembered, to recognize a reading from before them. */
const ownMillis = 30_000

/**
 * One table of the directory: a stream with the last message of each subject. Its subjects contain a random word, made
 * with the stream: a stream that was lost and made anew numbers its messages from 1 again, and what was meant for the
 * old one must not reach it.
 */
export class NatsTable {
  private readonly stream: string
  private readonly exactWrites: NatsExactWrites
  private readonly stuckLeader: NatsStuckLeader
  private prefix: string | undefined
  private finding: Promise<string> | undefined
  /** What is added to the numbers of the stream, so that revisions also grow when it is made anew. */
  private base = 0
  private highest = 0
  /** The number of the last message when the stream was found last. */
  private last = 0
  private readonly own = new Map<string, { readonly revision: number; readonly at: number }>()
  private markers: Array<{ readonly key: string; readonly sequence: number; readonly at: number }> = []
  /** The number of the marker of a removed entry, by key. */
  private readonly markerOf = new Map<string, number>()
  private isDeleting = false
  /**
   * Since when the stream has no leader, as far as this node knows, and which stream it is, if the servers report that.
   */
  private leaderless: { readonly since: number; readonly subject: string | undefined } | undefined
  /** How often the stream was found to be without the entries that it had. */
  losses = 0

  /**
   * @param word what the subjects and streams of the chat begin with
   * @param remade called after the stream was found to be another one
   * @param asked called after another leader was asked for
   */
  constructor(
    private readonly connection: NatsConnection,
    private readonly jetStream: NatsJetStream,
    private readonly word: string,
    private readonly table: Table,
    private readonly now: () => number,
    private readonly remade: () => void,
    asked: (request: LeaderRequest) => void = () => {}
  ) {
    this.stream = `${word}-${table}`
    this.stuckLeader = new NatsStuckLeader({
      stream: this.stream,
      now,
      random: Math.random,
      leader: async () => (connection.isClustered ? (await this.info()).cluster?.leader : undefined),
      stepDown: () => jetStream.stepDown(this.stream),
      report: asked
    })
    this.exactWrites = new NatsExactWrites({
      send: ({ expected, subject, value }, last) => this.send(subject, value, expected, last),
      last: () => this.highest - this.base,
      saw: (last) => void this.revisionOf(last),
      losses: () => this.losses
    })
  }

  async get(key: string): Promise<Entry | undefined> {
    const prefix = await this.found()
    const { base } = this
    const own = this.own.get(key)
    const message = await this.asking(() => this.jetStream.lastMessage(this.stream, prefix + key))
    // A stream that was created again has no such subject either.
    if (message === undefined && (await this.foundAgain()) !== prefix) throw new Error("the directory was lost")
    const revision = message === undefined ? 0 : this.revisionOf(message.sequence)
    if (this.base === base && own !== undefined && revision < own.revision && this.now() - own.at < ownMillis) {
      // Either the stream was emptied or went back, or a leader that was just elected has not caught up with what the
      // last one confirmed.
      await this.checkPassed(own.revision)
      throw new Error("out of date")
    }
    return message === undefined || message.isMarker ? undefined : { key, value: message.value, revision }
  }

  async swap(key: string, revision: number, value: string | undefined): Promise<number | undefined> {
    const prefix = await this.found()
    const subject = prefix + key
    const expected = revision === 0 ? 0 : revision - this.base
    if (expected < 0 || (expected === 0 && revision !== 0)) return undefined // of a stream that is no more
    if (revision === 0) return this.take(key, subject, value)
    try {
      return await this.write(key, subject, value, expected)
    } catch (error) {
      if (isRefused(error, codes.wrongLastSequence)) return undefined
      throw error
    }
  }

  /**
   * Sets an entry that should not be there: there is nothing, or the marker of one that was removed. What the watch has
   * reported decides which is tried first, because each write that the servers refuse when they carry it out makes it
   * more likely that they disagree about the stream after an election (nats-server 2.9.10).
   */
  private async take(key: string, subject: string, value: string | undefined): Promise<number | undefined> {
    let expected = this.markerOf.get(key) ?? 0
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- the second one needs what the first one found
        return await this.write(key, subject, value, expected)
      } catch (error) {
        if (!isRefused(error, codes.wrongLastSequence)) throw error
      }
      // oxlint-disable-next-line no-await-in-loop -- as above
      const last = await this.asking(() => this.jetStream.lastMessage(this.stream, subject))
      if (last?.isMarker === false) return undefined
      expected = last?.sequence ?? 0
    }
    return undefined // another node was faster
  }

  /**
   * Starts a watch, and returns how many messages there are, and the number of the last one. Fails if the stream cannot
   * be found or made.
   */
  async deliver(
    inbox: string,
    heartbeatMillis: number
  ): Promise<{ readonly name: string; readonly count: number; readonly last: number }> {
    const prefix = await this.foundAgain()
    const { last } = this
    const delivery = await this.asking(() => this.jetStream.deliver(this.stream, `${prefix}>`, inbox, heartbeatMillis))
    return { ...delivery, last }
  }

  /** The number of the last message, as the leader of the stream has it; maybe of one that was deleted. */
  async lastNumber(): Promise<number> {
    await this.foundAgain()
    return this.last
  }

  /** Whether the leader of the stream has a message after this one. */
  async hasAfter(sequence: number): Promise<boolean> {
    return this.asking(() => this.jetStream.hasAfter(this.stream, sequence))
  }

  async endDelivery(name: string): Promise<void> {
    await this.jetStream.deleteConsumer(this.stream, name)
  }

  /** The key of a subject; undefined if it belongs to a stream that is no more. */
  keyOf(subject: string): string | undefined {
    return this.prefix !== undefined && subject.startsWith(this.prefix) ? subject.slice(this.prefix.length) : undefined
  }

  revisionOf(sequence: number): number {
    const revision = this.base + sequence
    if (revision > this.highest) this.highest = revision
    return revision
  }

  /** What a key has: a marker, or an entry. */
  saw(key: string, sequence: number, isMarker: boolean): void {
    this.markerOf.delete(key) // so that the oldest comes first
    if (isMarker) this.markerOf.set(key, sequence)
    if (this.markerOf.size > maxMarkers) for (const [oldest] of this.markerOf) return void this.markerOf.delete(oldest)
  }

  /** A marker that the table has, which is deleted some time later unless the entry is there again. */
  toDelete(key: string, sequence: number): void {
    if (this.markers.length < maxMarkers) this.markers.push({ key, sequence, at: this.now() })
  }

  /** Deletes markers that every watch has seen. */
  async deleteMarkers(): Promise<void> {
    const due = this.markers.findIndex(({ at }) => this.now() - at < markerMillis)
    const count = due === -1 ? this.markers.length : due
    if (this.isDeleting || count === 0 || !this.connection.isUp) return
    this.isDeleting = true
    const markers = this.markers.splice(0, count)
    const worker = async () => {
      for (let next = markers.pop(); next !== undefined && this.connection.isUp; next = markers.pop()) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        await this.jetStream.deleteMessage(this.stream, next.sequence).catch(() => {}) // the entry is there again
        if (this.markerOf.get(next.key) === next.sequence) this.markerOf.delete(next.key)
      }
    }
    await Promise.all(Array.from({ length: deletions }, worker))
    this.isDeleting = false
  }

  private async write(key: string, subject: string, value: string | undefined, expected: number): Promise<number> {
    const { base, highest } = this
    const sequence = await this.asking(() => this.writeExactly(subject, value, expected))
    if (this.base === base && base + sequence <= highest) this.wentBack()
    const revision = this.revisionOf(sequence)
    this.remember(key, revision)
    this.saw(key, sequence, value === undefined)
    if (value === undefined) this.toDelete(key, sequence)
    return revision
  }

  /**
   * A stream of several servers compares the last number of a subject when its leader proposes a write, and not when
   * the servers carry it out, unless the number is 0: of two writes at the same moment both would succeed (nats-server
   * 2.9.10: 185 of 300 times). The last number of the whole stream is compared when a write is carried out. If it is
   * still the one that the leader saw, so is that of the subject.
   */
  private async writeExactly(subject: string, value: string | undefined, expected: number): Promise<number> {
    if (expected === 0 || !this.connection.isClustered) return this.send(subject, value, expected)
    try {
      return await this.exactWrites.write({ subject, value, expected })
    } catch (error) {
      // The subject has changed, or the stream was emptied.
      if (isRefused(error, codes.wrongLastSequence)) this.foundAgain().catch(() => {})
      throw error
    }
  }

  private async send(subject: string, value: string | undefined, expected: number, last?: number): Promise<number> {
    try {
      const sequence = await this.jetStream.write(subject, value, expected, last)
      this.stuckLeader.wrote()
      return sequence
    } catch (error) {
      this.stuckLeader.failed(error)
      throw error
    }
  }

  /** The subject of a write is without it: if the stream has passed its number, the servers have forgotten it. */
  private async checkPassed(revision: number): Promise<void> {
    const { base } = this
    await this.foundAgain()
    if (this.base === base && this.last >= revision - base) this.wentBack()
  }

  private remember(key: string, revision: number): void {
    const at = this.now()
    this.own.delete(key) // so that the oldest comes first
    this.own.set(key, { revision, at })
    for (const [key, own] of this.own) {
      if (at - own.at < ownMillis) return
      this.own.delete(key)
    }
  }

  /** Finds out with the next request whether the stream is still the same, after an answer that makes it doubtful. */
  private async asking<A>(request: () => Promise<A>): Promise<A> {
    try {
      return await request()
    } catch (error) {
      if (error instanceof NobodyAnswers || isRefused(error, codes.streamNotFound)) this.finding = undefined
      throw error
    }
  }

  private foundAgain(): Promise<string> {
    this.finding = undefined
    return this.found()
  }

  /** What the subjects of the table begin with. Finds the stream, or makes it. */
  private found(): Promise<string> {
    if (this.finding !== undefined) return this.finding
    const finding = this.find()
    this.finding = finding
    finding.catch(() => {
      if (this.finding === finding) this.finding = undefined
    })
    return finding
  }

  private async find(): Promise<string> {
    const { base, highest } = this
    const { config, state } = await this.infoOrMade()
    this.last = state.last_seq
    const prefix = (config.subjects[0] ?? "").slice(0, -1)
    const isFirst = this.prefix === undefined
    const isShorter = this.base === base && state.last_seq < highest - base
    if (prefix === this.prefix && !isShorter) return prefix
    this.prefix = prefix
    if (!isFirst) this.wentBack()
    return prefix
  }

  /**
   * The stream has lost its messages, or the last ones, and uses their numbers again. It may be another one, or the
   * same: several servers empty a stream when they disagree about it after an election (nats-server 2.9.10: "Resetting
   * stream cluster state"), and a server that came back without its disk can help one to be elected that lacks the last
   * messages.
   */
  wentBack(): void {
    this.base = this.highest
    this.own.clear()
    this.markers = []
    this.markerOf.clear()
    this.losses += 1
    this.remade()
  }

  /**
   * The servers say that the stream has no leader. A stream of nats-server 2.9.10 that was emptied may never have one
   * again, while all else works. Then it is deleted: nobody can use what it had, and the nodes write their entries
   * again.
   */
  private async endLeaderless(subject: string | undefined): Promise<void> {
    const now = this.now()
    const before = this.leaderless
    // One that another node has made anew has its own half minute.
    const isAnother = subject !== undefined && before?.subject !== undefined && subject !== before.subject
    const since = before === undefined || isAnother ? now : before.since
    const isLost = now - since >= leaderlessMillis
    this.leaderless = isLost ? undefined : { since, subject: subject ?? before?.subject }
    if (!isLost) return
    await this.jetStream.deleteStream(this.stream)
  }

  private async infoOrMade() {
    try {
      return await this.info()
    } catch (error) {
      if (isRefused(error, codes.unavailable)) await this.endLeaderless(undefined)
      if (!isRefused(error, codes.streamNotFound)) throw error
    }
    const subjects = `${this.word}.${this.table}.${randomBytes(6).toString("hex")}.>`
    try {
      await this.jetStream.makeStream(this.stream, subjects, this.connection.isClustered)
    } catch (error) {
      if (!isRefused(error, codes.streamExists)) throw error // another node was faster
    }
    return this.info()
  }

  /** Without a leader of the stream, the leader of all streams may answer, with a state in which there is nothing. */
  private async info() {
    const info = await this.jetStream.streamInfo(this.stream)
    if (this.connection.isClustered && info.cluster?.leader === undefined) {
      await this.endLeaderless(info.config.subjects[0])
      throw new Error(`the stream ${this.stream} has no leader`)
    }
    this.leaderless = undefined
    if (info.cluster?.leader !== undefined) this.stuckLeader.leads(info.cluster.leader)
    return info
  }
}
