/**
 * The browser's Back, and the gesture of a phone for it. In a narrow window the list, a conversation and a panel are
 * screens of their own, one above the other: Back leads to the one below, and leaves the page from the list only.
 */

/** Where the conversation takes the place of the list, as in the stylesheet. */
const narrow = matchMedia("(max-width: 40rem)")

const key = "a-chat.screen"

/** How many screens lie above the list: 1 for a conversation, 2 with a panel. The browser keeps it over a reload. */
const screenIn = (state: unknown): number => {
  const found = typeof state === "object" && state !== null ? (state as Record<string, unknown>)[key] : undefined
  return typeof found === "number" ? found : 0
}

let entered = screenIn(history.state)

/** The user has gone to this screen, or back to it. In a wide window the history gets no more entries. */
export const show = (screen: number): void => {
  if (screen < entered) {
    const by = screen - entered
    entered = screen
    history.go(by)
  } else if (narrow.matches) while (entered < screen) history.pushState({ [key]: ++entered }, "")
}

/** @param close closes what is above this screen */
export const onBack = (close: (screen: number) => void): void =>
  addEventListener("popstate", ({ state }) => {
    entered = screenIn(state)
    close(entered)
  })
