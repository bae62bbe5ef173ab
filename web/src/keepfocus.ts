/** Keeps the keyboard focus in a list when the focused entry is removed or moved. */

/**
 * Return an attachment for a container. If the focused element inside is removed, the element that
 * is now at its place among those that `selector` matches gets the focus. If it is moved, which
 * takes the focus away as well, it gets it back.
 */
export function keepFocus(selector: string): (container: HTMLElement) => () => void {
  return (container) => {
    let last: HTMLElement | null = null;
    let byKeyboard = false;
    let place = 0;
    const all = () => [...container.querySelectorAll<HTMLElement>(selector)];
    const remember = (event: FocusEvent) => {
      const focused = event.target as HTMLElement;
      const near = focused.matches(selector) ? focused : focused.closest("li, article")?.querySelector(selector);
      last = focused;
      byKeyboard = focused.matches(":focus-visible");
      place = all().indexOf(near as HTMLElement);
    };
    // A browser moves the focus to the body if the focused element is removed.
    const observer = new MutationObserver((records) => {
      if (!last) return;
      if (last.isConnected) {
        const moved = records.some(({ addedNodes }) => [...addedNodes].some((node) => node.contains(last)));
        // The page follows the keyboard; it stays where it is under a pointer.
        if (moved && document.activeElement === document.body) last.focus({ preventScroll: !byKeyboard });
        return;
      }
      last = null;
      const entries = all();
      if (document.activeElement === document.body) entries[Math.min(Math.max(place, 0), entries.length - 1)]?.focus();
    });
    // A click or a Tab elsewhere takes the focus away on purpose.
    const forget = ({ target }: Event) => {
      if (!container.contains(target as Node)) last = null;
    };
    container.addEventListener("focusin", remember);
    document.addEventListener("pointerdown", forget, true);
    document.addEventListener("focusin", forget, true);
    observer.observe(container, { childList: true, subtree: true });
    return () => {
      container.removeEventListener("focusin", remember);
      document.removeEventListener("pointerdown", forget, true);
      document.removeEventListener("focusin", forget, true);
      observer.disconnect();
    };
  };
}
