import { useComputed, useSignal } from "@preact/signals"
import { Component } from "preact"
import { useEffect, useLayoutEffect, useRef } from "preact/hooks"
import type { Conversation } from "../model/Conversation.js"
import type { ShownLine } from "../model/Timeline.js"
import * as Times from "../model/Times.js"
import { Icon } from "./Icons.js"
import { LineView, type LineProps } from "./LineView.js"
import type { ConversationProps } from "./View.js"

/** The lines in the document: few enough for a phone, and more than fit on a large screen. */
const maxRendered = 240
/** How far the rendered part moves in one step, and how close to its edge the user must be for that, in pixels. */
const step = 60
const nearEdge = 800
/** Closer to the end than this is at the end. */
const nearEnd = 32

/** Lines of one sender within this time belong together, in milliseconds. */
const groupMillis = 300_000

const times = Times.make()

interface Anchor {
  readonly key: string
  /** Of the line, below the top of the window. */
  readonly offset: number
}

const isContinued = (line: ShownLine, before: ShownLine | undefined): boolean =>
  before !== undefined &&
  before.kind === "message" &&
  line.kind === "message" &&
  before.from === line.from &&
  before.isGuest === line.isGuest &&
  line.to === undefined &&
  Math.abs(line.at - before.at) < groupMillis &&
  Times.dayOf(line.at) === Times.dayOf(before.at)

/** The number of the last kept line before one; 0 if there is none. Notes stand between kept lines. */
const seqBefore = (lines: ReadonlyArray<ShownLine>, at: number): number => {
  for (let index = at - 1; index >= 0; index--) {
    const seq = lines[index]?.seq
    if (seq !== undefined) return seq
  }
  return 0
}

/** The first row that ends below the top of the window, by halving: each look at a row may make the browser lay out. */
const firstInSight = (box: HTMLElement): HTMLElement | undefined => {
  const rows = box.querySelectorAll<HTMLElement>("li[data-key]")
  let [low, high] = [0, rows.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const row = rows[middle]
    if (row !== undefined && row.offsetTop + row.offsetHeight <= box.scrollTop) low = middle + 1
    else high = middle
  }
  return rows[low]
}

/**
 * The lines of a conversation. Only a part of them is in the document, which moves with the user. Whatever is added or
 * removed around it, the lines in sight stay where they are: the browser's own way to do that is not in all browsers.
 */
export const LogView = ({ chat, conversation, view }: ConversationProps) => {
  const { name, timeline } = conversation
  const scroller = useRef<HTMLDivElement>(null)
  /** The first line in the document; undefined at the end of the conversation. */
  const top = useSignal<string | undefined>(undefined)
  const anchor = useRef<Anchor | undefined>(undefined)
  const isPinned = useRef(true)
  const all = useComputed(() =>
    timeline.isAtEnd ? [...conversation.lines.value, ...chat.sending.in(name)] : conversation.lines.value
  ).value
  const { delivered, failed, loading, newAfter, unread } = conversation.state.value
  const found = top.value === undefined ? -1 : all.findIndex(({ key }) => key === top.value)
  const from = found < 0 ? Math.max(0, all.length - maxRendered) : found
  const to = Math.min(all.length, from + maxRendered)
  const target = view.target.value

  /** Remembers which line is at the top of the window, unless that follows the end. */
  const remember = (box: HTMLDivElement) => {
    isPinned.current =
      to >= all.length && timeline.isAtEnd && box.scrollHeight - box.scrollTop - box.clientHeight < nearEnd
    view.isAtEnd.value = isPinned.current
    const row = isPinned.current ? undefined : firstInSight(box)
    anchor.current = row && { key: row.dataset["key"] ?? "", offset: row.offsetTop - box.scrollTop }
  }

  /**
   * Puts more lines into the document where the user is close to its edge, and loads more where there are no others.
   */
  const extend = (box: HTMLDivElement) => {
    const below = box.scrollHeight - box.scrollTop - box.clientHeight
    if (box.scrollTop < nearEdge && from > 0) top.value = all[Math.max(0, from - step)]?.key
    else if (below < nearEdge && to < all.length) top.value = all[Math.min(from + step, all.length - maxRendered)]?.key
    else if (loading !== undefined || failed !== undefined) return
    else if (box.scrollTop < nearEdge && timeline.hasEarlier) chat.reading.loadEarlier()
    else if (below < nearEdge && !timeline.isAtEnd) chat.reading.loadLater()
  }

  const scrolled = () => {
    const box = scroller.current
    if (box === null) return
    remember(box)
    // What is added at the end pushes lines out of the document at its beginning, unless the user reads these.
    top.value = isPinned.current ? undefined : (top.peek() ?? all[from]?.key)
    extend(box)
  }

  useLayoutEffect(() => {
    const box = scroller.current
    if (box === null) return
    if (isPinned.current) box.scrollTop = box.scrollHeight
    else {
      const key = anchor.current?.key
      const row = key === undefined ? null : box.querySelector<HTMLElement>(`li[data-key="${CSS.escape(key)}"]`)
      if (row !== null) box.scrollTop = row.offsetTop - (anchor.current?.offset ?? 0)
    }
    // At the very top there are no more scroll events.
    extend(box)
  })

  // The window becomes smaller and larger with the composer and the keyboard of a phone.
  useEffect(() => {
    const box = scroller.current
    if (box === null) return undefined
    const sizes = new ResizeObserver(() => {
      if (isPinned.current) box.scrollTop = box.scrollHeight
    })
    sizes.observe(box)
    view.isAtEnd.value = true
    return () => sizes.disconnect()
  }, [])

  // A line that was found comes into the middle of the window.
  useLayoutEffect(() => {
    const box = scroller.current
    const at = target === undefined ? -1 : all.findIndex(({ seq }) => seq === target)
    if (box === null || at < 0) return
    if (at < from || at >= to) {
      top.value = all[Math.max(0, at - maxRendered / 2)]?.key
      return
    }
    isPinned.current = false
    box.querySelector(".target")?.scrollIntoView({ block: "center" })
    remember(box)
    top.value ??= all[from]?.key
  }, [target, all, from])

  const toEnd = () => {
    isPinned.current = true
    view.target.value = undefined
    top.value = undefined
    chat.reading.goToEnd()
    const box = scroller.current
    if (box !== null) box.scrollTop = box.scrollHeight
    view.focusComposer()
  }

  const now = chat.now()
  return (
    <div class="log">
      <div
        class="scroll"
        ref={scroller}
        onScroll={scrolled}
        tabIndex={0}
        role="region"
        aria-label={`Messages with ${name}`}
      >
        <div class="before">
          {loading === "earlier" || (loading === "latest" && all.length === 0) ? <p class="quiet">Loading…</p> : null}
          {failed === undefined ? null : (
            <p class="trouble">
              {`The lines could not be loaded: ${failed} `}
              <button type="button" onClick={() => chat.reading.loadAgain()}>
                Try again
              </button>
            </p>
          )}
          {from === 0 && timeline.isLoaded && !timeline.hasEarlier && all.length > 0 && (
            <p class="quiet">This is the beginning of what is kept.</p>
          )}
        </div>
        {all.length === 0 && loading === undefined && <Empty conversation={conversation} />}
        <ol class="lines">
          {all.slice(from, to).map((line, index) => {
            const before = all[from + index - 1]
            // Where nothing can be read, a note has no time.
            const isNewDay = line.at > 0 && (before === undefined || Times.dayOf(before.at) !== Times.dayOf(line.at))
            const isFirstNew =
              newAfter !== undefined &&
              line.seq !== undefined &&
              line.seq > newAfter &&
              seqBefore(all, from + index) <= newAfter &&
              !line.isOwn
            return (
              <Row
                key={line.key}
                chat={chat}
                line={line}
                times={times}
                delivered={line.state === "stored" && !conversation.isRoom ? delivered : 0}
                day={isNewDay ? times.day(line.at, now) : undefined}
                isFirstNew={isFirstNew}
                isContinued={!isNewDay && !isFirstNew && isContinued(line, before)}
                isTarget={line.seq !== undefined && line.seq === target}
              />
            )
          })}
        </ol>
      </div>
      {/* Not the lines themselves: those of the past would be read out when the user scrolls. */}
      <div class="aloud" role="log" aria-live="polite">
        {chat.latest.value === undefined ? null : (
          <p key={chat.latest.value.key}>{`${chat.latest.value.from}: ${chat.latest.value.text}`}</p>
        )}
      </div>
      {!view.isAtEnd.value && (
        <button
          type="button"
          class="to-end"
          onClick={toEnd}
          aria-label={`To the latest messages${unread > 0 ? `, ${unread} new` : ""}`}
        >
          <Icon name="down" />
          {unread > 0 && <span class="count">{unread > 99 ? "99+" : unread}</span>}
        </button>
      )}
    </div>
  )
}

interface RowProps extends LineProps {
  /** Stands above the first line of a day. */
  readonly day: string | undefined
  readonly isFirstNew: boolean
}

/** A line, and what stands above it. Memoized, because most stay the same when a line arrives (benchmark: the page). */
class Row extends Component<RowProps> {
  override shouldComponentUpdate(next: RowProps): boolean {
    const { chat, day, delivered, isContinued, isFirstNew, isTarget, line } = this.props
    return (
      next.chat !== chat ||
      next.line !== line ||
      next.day !== day ||
      next.delivered !== delivered ||
      next.isContinued !== isContinued ||
      next.isFirstNew !== isFirstNew ||
      next.isTarget !== isTarget
    )
  }

  override render({ day, isFirstNew, ...line }: RowProps) {
    return (
      <li data-key={line.line.key}>
        {day !== undefined && (
          <div class="day">
            <span>{day}</span>
          </div>
        )}
        {isFirstNew && (
          <div class="new">
            <span>New</span>
          </div>
        )}
        <LineView {...line} />
      </li>
    )
  }
}

const Empty = ({ conversation: { isRoom, name, state } }: { readonly conversation: Conversation }) => (
  <div class="empty">
    <p>
      {isRoom ? (
        state.value.isIn ? (
          <>
            Nobody has written in <bdi>{name}</bdi> yet.
          </>
        ) : (
          <>
            You are not in <bdi>{name}</bdi>.
          </>
        )
      ) : (
        <>
          Nothing here yet. Write the first line to <bdi>{name}</bdi>.
        </>
      )}
    </p>
  </div>
)
