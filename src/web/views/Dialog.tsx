import type { ComponentChildren } from "preact"
import { useLayoutEffect, useRef } from "preact/hooks"
import { Icon } from "./Icons.js"

/** A window above the page. The browser keeps the focus in it, closes it with Escape, and brings the focus back. */
export const Dialog = ({
  children,
  close,
  title
}: {
  readonly title: string
  readonly close: () => void
  readonly children: ComponentChildren
}) => {
  const dialog = useRef<HTMLDialogElement>(null)
  useLayoutEffect(() => dialog.current?.showModal(), [])
  return (
    <dialog
      ref={dialog}
      aria-label={title}
      onClose={close}
      onClick={({ currentTarget, target }) => {
        // A click beside the window.
        if (target === currentTarget) currentTarget.close()
      }}
    >
      <div class="window">
        <header>
          <h2>{title}</h2>
          <button type="button" class="plain" aria-label="Close" onClick={() => dialog.current?.close()}>
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  )
}
