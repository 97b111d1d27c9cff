"""Functions of integers that are loops, as LLVM text."""

from __future__ import annotations

#: ``base ** exponent`` by squaring.
POWER = """define internal i64 @gradc_ipow(i64 %base, i64 %exponent) {
entry:
  br label %loop
loop:
  %b = phi i64 [ %base, %entry ], [ %b2, %loop ]
  %e = phi i64 [ %exponent, %entry ], [ %e2, %loop ]
  %r = phi i64 [ 1, %entry ], [ %r2, %loop ]
  %odd = trunc i64 %e to i1
  %m = mul i64 %r, %b
  %r2 = select i1 %odd, i64 %m, i64 %r
  %b2 = mul i64 %b, %b
  %e2 = lshr i64 %e, 1
  %more = icmp ne i64 %e2, 0
  br i1 %more, label %loop, label %done
done:
  ret i64 %r2
}"""

#: The greatest common divisor of two unsigned numbers, by Euclid's algorithm.
COMMON_DIVISOR = """define internal i64 @gradc_gcd(i64 %a, i64 %b) {
entry:
  br label %loop
loop:
  %x = phi i64 [ %a, %entry ], [ %y, %step ]
  %y = phi i64 [ %b, %entry ], [ %rest, %step ]
  %more = icmp ne i64 %y, 0
  br i1 %more, label %step, label %done
step:
  %rest = urem i64 %x, %y
  br label %loop
done:
  ret i64 %x
}"""
