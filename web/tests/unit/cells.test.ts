/** Which part of a large picture the page rebuilds next. */

import { expect, test } from "vitest";

import { CELL, Cells } from "../../src/page/cells.js";
import { numbers } from "../hostile.js";

test("what is missing is whole cells inside the picture, around the middle of what is seen, and not too much at once", () => {
  const next = numbers(4);
  for (let n = 0; n < 200; n++) {
    const size = { width: 1 + next(9000), height: 1 + next(9000) };
    const [x, y] = [next(size.width), next(size.height)];
    const area = { x, y, width: 1 + next(size.width - x), height: 1 + next(size.height - y) };
    const box = new Cells(size).missing(area, 1)!;
    expect([box.x % CELL, box.y % CELL]).toEqual([0, 0]);
    expect(box.x + box.width === size.width || (box.x + box.width) % CELL === 0).toBe(true);
    expect(box.y + box.height).toBeLessThanOrEqual(size.height);
    expect(box.width * box.height).toBeLessThanOrEqual(2 ** 21);
    const [middleX, middleY] = [area.x + area.width / 2, area.y + area.height / 2];
    expect(box.x <= middleX && middleX <= box.x + box.width).toBe(true);
    expect(box.y <= middleY && middleY <= box.y + box.height).toBe(true);
  }
});
