import { useSignal } from "@preact/signals"
import { useEffect, useLayoutEffect, useRef } from "preact/hooks"
import * as Typed from "../model/Typed.js"
import { Icon } from "./Icons.js"
import type { ConversationProps } from "./View.js"

/** The key code of what an input method takes. In Safari the composition ends before the Enter that accepts it. */
const inputMethod = 229

/** A paste of more lines is sent only after a question. */
const manyLines = 20

interface Offer {
  readonly text: string
  readonly about: string
}

/** The commands that start with what is typed. */
const commandsFor = (draft: string): ReadonlyArray<Offer> =>
  /^\/[a-z]*$/u.test(draft)
    ? Typed.commands.filter(([usage]) => usage.startsWith(draft)).map(([usage, about]) => ({ text: usage, about }))
    : []

/** The name that the word before the cursor begins. */
const completed = (
  draft: string,
  at: number,
  names: ReadonlyArray<string>
): { readonly text: string; readonly at: number } | undefined => {
  const word = /[^\s@]+$/u.exec(draft.slice(0, at))?.[0]
  const name = word === undefined ? undefined : names.find((one) => one.toLowerCase().startsWith(word.toLowerCase()))
  if (word === undefined || name === undefined) return undefined
  const start = at - word.length
  const end = start === 0 ? `${name}: ` : `${name} `
  return { text: draft.slice(0, start) + end + draft.slice(at), at: start + end.length }
}

export const ComposerForm = ({ chat, conversation, view }: ConversationProps) => {
  const { isRoom, name, state } = conversation
  const { draft, isIn, members } = state.value
  const box = useRef<HTMLTextAreaElement>(null)
  const asks = useSignal<ReadonlyArray<string> | undefined>(undefined)

  // As high as the text.
  const fit = () => {
    const area = box.current
    if (area === null) return
    area.style.height = "auto"
    area.style.height = `${area.scrollHeight}px`
  }
  useLayoutEffect(fit, [draft])
  // A phone that is turned has longer lines.
  useEffect(() => {
    addEventListener("resize", fit)
    return () => removeEventListener("resize", fit)
  }, [])

  // On a phone, the keyboard would cover the lines that the user has come for. A machine without a mouse is no phone.
  useEffect(() => {
    if (!matchMedia("(pointer: coarse)").matches) box.current?.focus()
  }, [name])

  const change = (text: string) => chat.keepDraft(name, text)

  const submit = () => {
    const lines = Typed.linesOf(draft)
    if (lines.length === 0) return
    if (lines.length > manyLines) asks.value = lines
    else send()
  }

  const send = () => {
    const text = draft
    change("")
    asks.value = undefined
    view.target.value = undefined
    const left = chat.type(text, name)
    switch (left?._tag) {
      case "Search":
        view.query.value = left.text
        view.panel.value = "search"
        break
      case "Who":
        view.panel.value = "details"
        break
      case "Help":
        view.dialog.value = "help"
        break
      case "You":
        view.dialog.value = "you"
        break
      default:
    }
  }

  const pressed = (event: KeyboardEvent) => {
    const area = box.current
    if (area === null || event.isComposing || event.keyCode === inputMethod) return
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      event.preventDefault()
      submit()
    } else if (event.key === "Tab" && !event.shiftKey && area.selectionStart === area.selectionEnd) {
      const [offer] = commandsFor(draft)
      const others = (isRoom ? members : undefined) ?? [...chat.present.value]
      const found = offer === undefined ? completed(draft, area.selectionStart, others) : undefined
      if (offer === undefined && found === undefined) return
      event.preventDefault()
      const text = offer === undefined ? (found?.text ?? draft) : `${offer.text.split(" ")[0] ?? ""} `
      change(text)
      const at = found?.at ?? text.length
      queueMicrotask(() => area.setSelectionRange(at, at))
    } else if (event.key === "PageUp" || event.key === "PageDown") {
      const log = document.querySelector(".scroll")
      if (log === null) return
      event.preventDefault()
      log.scrollBy({ top: (event.key === "PageUp" ? -0.85 : 0.85) * log.clientHeight })
    }
  }

  const count = Typed.linesOf(draft).length
  const offers = commandsFor(draft)
  if (isRoom && !isIn) {
    return (
      <div class="composer out">
        <span>
          You are not in <bdi>{name}</bdi>.
        </span>
        <button type="button" class="primary" onClick={() => void chat.type(`/join ${name}`, name)}>
          Join
        </button>
      </div>
    )
  }
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      {offers.length > 0 && (
        <ul class="offers" id="offers">
          {offers.map(({ about, text }) => (
            <li key={text}>
              <button
                type="button"
                onClick={() => {
                  change(`${text.split(" ")[0] ?? ""} `)
                  box.current?.focus()
                }}
              >
                <code>{text}</code> <span class="quiet">{about}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
      {asks.value === undefined ? null : (
        <div class="asks" role="alertdialog" aria-label="Send many lines">
          <span>
            Send these {asks.value.length} lines to <bdi>{name}</bdi>, each as a message?
          </span>
          <button type="button" class="primary" onClick={send}>
            Send {asks.value.length} lines
          </button>
          <button
            type="button"
            onClick={() => {
              asks.value = undefined
              box.current?.focus()
            }}
          >
            Keep as a draft
          </button>
        </div>
      )}
      <textarea
        ref={box}
        id="composer"
        rows={1}
        dir="auto"
        value={draft}
        placeholder={`Write to ${name}`}
        aria-label={`Message to ${name}`}
        aria-describedby="composer-hint"
        enterkeyhint="send"
        onInput={({ currentTarget }) => change(currentTarget.value)}
        onKeyDown={pressed}
      />
      <button type="submit" class="send" aria-label="Send" disabled={count === 0}>
        <Icon name="send" />
      </button>
      <p class="hint-line" id="composer-hint">
        {count > 1
          ? `${count} lines, each a message of its own`
          : "Enter sends · Shift+Enter for a new line · / for commands"}
      </p>
    </form>
  )
}
