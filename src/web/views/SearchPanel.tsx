import { useSignal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import type { PastLine } from "../../client/PastReports.js"
import type { SearchResult } from "../model/Chat.js"
import { reasonOf } from "../model/ChatState.js"
import * as Times from "../model/Times.js"
import { Icon } from "./Icons.js"
import { NameText } from "./NameText.js"
import type { ConversationProps } from "./View.js"

const times = Times.make()

/** A longer text is cut in the list. */
const maxText = 240

type Result =
  | { readonly _tag: "None" | "Busy" }
  | { readonly _tag: "Failed"; readonly why: string }
  | ({ readonly _tag: "Found" } & SearchResult)

/** Looks for past lines. */
export const SearchPanel = ({ chat, conversation, view }: ConversationProps) => {
  const { name } = conversation
  const isHere = useSignal(true)
  const result = useSignal<Result>({ _tag: "None" })
  const field = useRef<HTMLInputElement>(null)

  const search = async () => {
    const text = view.query.peek().trim()
    if (text === "") return
    result.value = { _tag: "Busy" }
    try {
      result.value = { _tag: "Found", ...(await chat.search(text, isHere.peek() ? name : undefined)) }
    } catch (error) {
      result.value = { _tag: "Failed", why: reasonOf(error) }
    }
  }

  useEffect(() => {
    field.current?.focus()
    void search()
  }, [])

  const go = (line: PastLine) => {
    view.target.value = undefined
    void chat.reading.goTo(line.conversation, line.seq).then(() => (view.target.value = line.seq))
    if (matchMedia("(max-width: 60rem)").matches) view.panel.value = undefined
  }

  return (
    <aside class="panel" aria-label="Search">
      <header>
        <h2>Search</h2>
        <button type="button" class="plain" aria-label="Close" onClick={() => (view.panel.value = undefined)}>
          <Icon name="close" />
        </button>
      </header>
      <form
        class="search"
        role="search"
        onSubmit={(event) => {
          event.preventDefault()
          void search()
        }}
      >
        <input
          ref={field}
          type="search"
          dir="auto"
          aria-label="Words to look for"
          placeholder="Words to look for"
          value={view.query}
          onInput={({ currentTarget }) => (view.query.value = currentTarget.value)}
        />
        <label class="check">
          <input
            type="checkbox"
            checked={isHere}
            onChange={({ currentTarget }) => {
              isHere.value = currentTarget.checked
              void search()
            }}
          />
          <span>
            Only in <bdi>{name}</bdi>
          </span>
        </label>
      </form>
      <div class="items" aria-live="polite" aria-busy={result.value._tag === "Busy"}>
        <Results result={result.value} isHere={isHere.value} go={go} now={chat.now()} />
      </div>
    </aside>
  )
}

const Results = ({
  go,
  isHere,
  now,
  result
}: {
  readonly result: Result
  readonly isHere: boolean
  readonly go: (line: PastLine) => void
  readonly now: number
}) => {
  switch (result._tag) {
    case "None":
      return <p class="quiet pad">Whole words are found, whatever their case and accents.</p>
    case "Busy":
      return <p class="quiet pad">Looking…</p>
    case "Failed":
      return <p class="trouble pad">{result.why}</p>
    case "Found":
      return (
        <>
          {result.lines.length === 0 && <p class="quiet pad">No line has all these words.</p>}
          {result.isDamaged && (
            <p class="quiet pad">Some lines could not be searched, because the server’s disk is damaged.</p>
          )}
          <ul class="found">
            {result.lines.map((line) => (
              <li key={`${line.conversation} ${line.seq}`}>
                <button type="button" onClick={() => go(line)}>
                  <span class="who">
                    <NameText name={line.from} />
                    {isHere ? null : (
                      <span class="quiet">
                        in <bdi>{line.conversation}</bdi>
                      </span>
                    )}
                    <time>
                      {times.day(line.at, now)} {times.time(line.at)}
                    </time>
                  </span>
                  <span class="text" dir="auto">
                    {line.text.length > maxText ? `${line.text.slice(0, maxText)}…` : line.text}
                  </span>
                </button>
              </li>
            ))}
          </ul>
        </>
      )
  }
}
