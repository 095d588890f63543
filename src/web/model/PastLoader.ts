import * as PastReports from "../../client/PastReports.js"
import type * as Received from "../../client/Received.js"
import type { Conversation } from "./Conversation.js"
import { RequestFailed } from "./PageConnection.js"
import type { NumberedLine, TimelinePage } from "./Timeline.js"

/** The lines of one page, where the server allows as many. */
const pageLines = 100

/** The pages that are loaded to fill a hole. Where more are missing, the last lines are shown instead of all. */
const maxFillPages = 5

export interface HistoryOptions {
  /** Whether the server sends past lines of a conversation now. */
  readonly canLoad: (conversation: Conversation) => boolean
  readonly ask: (command: string) => Promise<ReadonlyArray<Received.Received>>
  /** Resolves once it is known whether lines of an earlier connection were stored: a page may have them. */
  readonly settled: (conversation: Conversation) => Promise<void>
  readonly maxLines: () => number
  readonly show: (line: PastReports.PastLine) => NumberedLine
  /** A page has come, before it is shown. */
  readonly onPage: (conversation: Conversation, lines: ReadonlyArray<NumberedLine>) => void
}

/** Loads past lines into the timelines of conversations: one page at a time for each. */
export class PastLoader {
  constructor(private readonly options: HistoryOptions) {}

  /** The last lines, when the user comes to a conversation. */
  latest(conversation: Conversation): Promise<void> {
    return this.load(conversation, "latest", async () => {
      await this.options.settled(conversation)
      conversation.timeline.showLatest(await this.page(conversation, ""))
    })
  }

  earlier(conversation: Conversation): Promise<void> {
    const { timeline } = conversation
    if (!timeline.isLoaded || !timeline.hasEarlier) return Promise.resolve()
    return this.load(conversation, "earlier", async () => {
      timeline.showEarlier(await this.page(conversation, timeline.first > 0 ? `before=${timeline.first}` : ""))
    })
  }

  /** The next lines, where the user reads others than the last ones. */
  later(conversation: Conversation): Promise<void> {
    const { timeline } = conversation
    if (timeline.isAtEnd) return Promise.resolve()
    return this.load(conversation, "later", async () => {
      timeline.showLater(await this.page(conversation, `after=${timeline.last}`))
    })
  }

  /** The lines around one that was found. */
  around(conversation: Conversation, seq: number): Promise<void> {
    if (conversation.timeline.has(seq)) return Promise.resolve()
    return this.load(conversation, "latest", async () => {
      const half = Math.floor(this.size / 2)
      const before = await this.page(conversation, `before=${seq + 1}`, half)
      const after = await this.page(conversation, `after=${seq}`, half)
      const part = {
        lines: [...before.lines, ...after.lines],
        damaged: [...before.damaged, ...after.damaged],
        first: before.first || after.first,
        last: after.last || before.last,
        hasMore: before.hasMore
      }
      conversation.timeline.showPart(part, !after.hasMore)
    })
  }

  /** The lines that are missing, after a break. */
  fill(conversation: Conversation): Promise<void> {
    const { timeline } = conversation
    if (!timeline.isAtEnd) return Promise.resolve()
    return this.load(conversation, "later", async () => {
      await this.options.settled(conversation)
      for (let pages = 0; pages < maxFillPages; pages++) {
        const page = await this.page(conversation, `after=${timeline.last}`)
        const hasMore = timeline.showLater(page)
        conversation.show()
        if (!hasMore) return
      }
      timeline.showLatest(await this.page(conversation, ""))
    })
  }

  /**
   * The last line, for the list: it is not put into the timeline. Undefined if there is none that the server can read.
   */
  async last(conversation: Conversation): Promise<NumberedLine | undefined> {
    const [line] = await this.options.ask(`history ${conversation.name} limit=1`)
    const past = line === undefined ? undefined : PastReports.pastIn(line)
    return past === undefined ? undefined : this.options.show(past)
  }

  private get size() {
    return Math.min(pageLines, this.options.maxLines() || pageLines)
  }

  private async page(conversation: Conversation, range: string, size = this.size): Promise<TimelinePage> {
    const command = `history ${conversation.name}${range === "" ? "" : ` ${range}`} limit=${size}`
    const received = await this.options.ask(command)
    const lines = received.flatMap((line) => PastReports.pastIn(line) ?? []).map((line) => this.options.show(line))
    const last = received.at(-1)
    const end = last === undefined ? undefined : PastReports.endIn(last)
    this.options.onPage(conversation, lines)
    return {
      lines,
      damaged: end?.damaged ?? [],
      first: end?.first ?? lines[0]?.seq ?? 0,
      last: end?.last ?? lines.at(-1)?.seq ?? 0,
      hasMore: end?.hasMore === true
    }
  }

  private async load(conversation: Conversation, loading: "latest" | "earlier" | "later", run: () => Promise<void>) {
    if (!this.options.canLoad(conversation) || conversation.state.peek().loading !== undefined) return
    conversation.change({ loading, failed: undefined })
    try {
      await run()
      conversation.change({ loading: undefined })
    } catch (error) {
      const isCutOff = error instanceof RequestFailed && error.reason === "cut-off"
      const failed = isCutOff || !(error instanceof Error) ? undefined : error.message
      conversation.change({ loading: undefined, failed })
    }
    conversation.show()
  }
}
