import { useSignal } from "@preact/signals"
import { useEffect, useLayoutEffect, useRef } from "preact/hooks"
import type { Chat } from "../model/Chat.js"
import { reasonOf } from "../model/ChatState.js"
import * as Sentence from "../model/Sentence.js"
import * as Typed from "../model/Typed.js"
import { Dialog } from "./Dialog.js"
import { Avatar, NameText } from "./NameText.js"

interface Choice {
  readonly name: string
  readonly about: string
  readonly run: () => Promise<void>
}

const maxChoices = 40

const membersText = (count: number) => (count === 1 ? "1 member" : `${count} members`)

/** Where the user can go: known conversations, rooms, those who are present, and what the text names. */
const choicesFor = (chat: Chat, typed: string): ReadonlyArray<Choice> => {
  const open = (name: string) => () => Promise.resolve(chat.reading.open(name))
  const choices = new Map<string, Choice>()
  const add = (choice: Choice) => {
    if (!choices.has(choice.name)) choices.set(choice.name, choice)
  }
  for (const { isRoom, name, state } of chat.conversations.all) {
    const { isIn, isListed, topic, unread } = state.value
    if (!isListed || (isRoom && !isIn)) continue
    add({ name, about: unread > 0 ? `${unread} unread` : topic, run: open(name) })
  }
  for (const { isLocked, members, room, topic } of chat.rooms.value) {
    // A locked room is listed only for accounts that are invited.
    const about = [...(isLocked ? ["you are invited"] : []), topic === "" ? membersText(members) : topic].join(" · ")
    add({ name: room, about, run: () => chat.join(room) })
  }
  for (const name of chat.present.value) if (name !== chat.me) add({ name, about: "here", run: open(name) })
  const wanted = typed.trim().toLowerCase()
  const found = [...choices.values()].filter(({ name }) => name.toLowerCase().includes(wanted))
  const rank = ({ name }: Choice) =>
    name.toLowerCase().replace(/^#/u, "").startsWith(wanted.replace(/^#/u, "")) ? 0 : 1
  const sorted = found.toSorted((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name)).slice(0, maxChoices)
  const user = typed.trim().startsWith("#") ? undefined : Typed.userName(typed)
  const room = Typed.roomName(typed)
  const others: Array<Choice> = []
  if (user !== undefined && !choices.has(user))
    others.push({ name: user, about: "write to this name", run: open(user) })
  const hasRooms = chat.facts.value?.rooms !== undefined
  if (hasRooms && room !== undefined && wanted !== "" && !choices.has(room)) {
    others.push({ name: room, about: "create this room", run: () => chat.join(room) })
  }
  return [...sorted, ...others]
}

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
