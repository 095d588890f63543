import { useSignal } from "@preact/signals"
import { useEffect, useLayoutEffect, useRef } from "preact/hooks"
import type { Chat } from "../model/Chat.js"
import { reasonOf } from "../model/ChatState.js"
import * as Sentence from "../model/Sentence.js"
import { type Choice, choicesFor } from "../model/SwitchChoices.js"
import { Dialog } from "./Dialog.js"
import { Avatar, NameText } from "./NameText.js"

/** Goes to a conversation, or begins one. */
export const SwitchDialog = ({ chat, close }: { readonly chat: Chat; readonly close: () => void }) => {
  const typed = useSignal("")
  const at = useSignal(0)
  const trouble = useSignal<string | undefined>(undefined)
  const isBusy = useSignal(false)
  const choices = choicesFor(chat, typed.value)
  const chosen = Math.min(at.value, choices.length - 1)

  const field = useRef<HTMLInputElement>(null)

  // The browser has put the focus on the first button of the window.
  useLayoutEffect(() => field.current?.focus(), [])
  useEffect(() => void chat.rooming.refresh().catch(() => undefined), [])

  const run = (choice: Choice | undefined) => {
    if (choice === undefined || isBusy.peek()) return
    isBusy.value = true
    trouble.value = undefined
    choice.run().then(close, (error: unknown) => {
      isBusy.value = false
      trouble.value = Sentence.of(reasonOf(error))
    })
  }

  const pressed = (event: KeyboardEvent) => {
    const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0
    if (by === 0 || choices.length === 0) return
    event.preventDefault()
    at.value = (chosen + by + choices.length) % choices.length
    document.getElementById(`choice-${at.value}`)?.scrollIntoView({ block: "nearest" })
  }

  return (
    <Dialog title="Go to a conversation" close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          run(choices[chosen])
        }}
      >
        <input
          ref={field}
          type="text"
          role="combobox"
          aria-expanded="true"
          aria-controls="choices"
          aria-activedescendant={choices.length > 0 ? `choice-${chosen}` : undefined}
          aria-label="Name of a person, or of a room"
          placeholder="Name of a person, or #room"
          autocapitalize="none"
          autocomplete="off"
          spellcheck={false}
          maxLength={64}
          value={typed}
          onKeyDown={pressed}
          onInput={({ currentTarget }) => {
            typed.value = currentTarget.value
            at.value = 0
            trouble.value = undefined
          }}
        />
      </form>
      <p class="trouble" role="alert">
        {trouble.value}
      </p>
      {choices.length === 0 && (
        <p class="quiet">
          {typed.value.trim() === ""
            ? "Nobody else is here. Type the name of a person, or of a room."
            : "A name has letters, digits, “_”, “-” and “.”, and no blank."}
        </p>
      )}
      <div class="choices" id="choices" role="listbox" aria-label="Conversations">
        {choices.map((choice, index) => (
          <div
            key={choice.name}
            id={`choice-${index}`}
            class="item"
            role="option"
            aria-selected={index === chosen}
            onClick={() => {
              at.value = index
              run(choice)
            }}
          >
            <Avatar
              name={choice.name}
              {...(choice.name.startsWith("#") ? {} : { isHere: chat.present.value.has(choice.name) })}
            />
            <NameText name={choice.name} />
            <bdi class="about">{isBusy.value && index === chosen ? "One moment…" : choice.about}</bdi>
          </div>
        ))}
      </div>
    </Dialog>
  )
}
