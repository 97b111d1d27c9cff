"""Derivations that are right, written in another algebraic form than gradc would choose: none may be refuted.

Data only. Formulas are texts (their parameters are their names in alphabetical order) or plain NumPy functions. `PROVABLE`
rows are derivatives, `IDENTITIES` two forms of one function; ``row.check()`` is the verdict on a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import gradc
from gradc import matrix, vector
from gradc.verify.verdict import Verdict


@dataclass(frozen=True)
class TrueForm:
    """A function, a right derivation of it, and the shapes and options it is meant for."""

    name: str
    f: str | Callable[..., Any]
    hand: Any
    specs: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    identity: bool = False

    def check(self) -> Verdict:
        """The verdict: of a derivative, or of an identity."""
        if self.identity:
            return gradc.equal(self.f, self.hand, *self.specs, **self.options)
        return gradc.verify(self.f, self.hand, *self.specs, **self.options)


#: field: rows of "f ; derivative in the first name ; another form of it; ..."
_SCALAR = {
    "polynomial": """
        3*x^4 - 2*x^2 + 7 ; 4*x*(3*x^2 - 1) ; 12*x^3 - 4*x
        (2*x + 1)^5 ; 10*(1 + 2*x)^4 ; 10 + 80*x + 240*x^2 + 320*x^3 + 160*x^4
        (x - 1)*(x - 2)*(x - 3) ; 3*x^2 - 12*x + 11 ; (x-2)*(x-3) + (x-1)*(x-3) + (x-1)*(x-2)
        x^3*(1 - x)^2 ; x^2*(1 - x)*(3 - 5*x) ; 3*x^2 - 8*x^3 + 5*x^4
        (x^2 + 1)^3 ; 6*x*(1 + x^2)^2 ; 6*x^5 + 12*x^3 + 6*x
        (a*x + b)^3 ; 3*x*(a*x + b)^2 ; 3*a^2*x^3 + 6*a*b*x^2 + 3*b^2*x
        (w*x - y)^2/2 ; x*(w*x - y) ; w*x^2 - x*y ; \\frac{x}{1}(w x - y)
        (x + y)^4 - (x - y)^4 ; 8*y*(3*x^2 + y^2) ; 24*x^2*y + 8*y^3
        x*y*z + x^2*y ; y*(z + 2*x)
        (x^4 - 1)/4 - (x^2 - 1)/2 ; x*(x - 1)*(x + 1) ; x^3 - x
    """,
    "rational": """
        1/x ; -x^-2 ; -1/x^2
        1/(1 + x^2) ; -2*x/(1 + x^2)^2 ; -2/(x*(x + 1/x)^2)
        x/(x + 1) ; 1/(x + 1)^2 ; 1/(1 + 2*x + x^2)
        (x - 1)/(x + 1) ; 2/(x + 1)^2 ; (1 - (x - 1)/(x + 1))/(x + 1)
        (a*x + b)/(c*x + d) ; x/(c*x + d)
        x^2/(x - 1) ; x*(x - 2)/(x - 1)^2 ; 1 - 1/(x - 1)^2
        1/(x*(x + 1)) ; -1/x^2 + 1/(x + 1)^2 ; -(2*x + 1)/(x^2 + x)^2
        (x^2 - 4)/(x - 2) ; 1
        1/(1/x + 1/y) ; y^2/(x + y)^2 ; 1/(1 + x/y)^2
        x/(1 + x/(1 + x)) ; (1 + 2*x + 2*x^2)/(1 + 2*x)^2
        1/(1 - x) ; 1/(1 - x)^2 ; 1/(x - 1)^2
        V*x/(k + x) ; x/(k + x) ; 1/(1 + k/x)
        x^n/(1 + x^n) + 0*n ; x^n*log(x)/(1 + x^n)^2
        (1 - x^5)/(1 - x) ; 1 + 2*x + 3*x^2 + 4*x^3
    """,
    "roots": """
        sqrt(x) ; 1/(2*sqrt(x)) ; x^(-1/2)/2 ; sqrt(x)/(2*x)
        sqrt(1 + x^2) ; x/sqrt(1 + x^2) ; x*sqrt(1 + x^2)/(1 + x^2)
        1/sqrt(x) ; -1/(2*x*sqrt(x)) ; -x^(-3/2)/2
        sqrt(1 - x^2) ; -x/sqrt(1 - x^2) ; -x/sqrt((1 - x)*(1 + x))
        x*sqrt(1 - x^2) ; (1 - 2*x^2)/sqrt(1 - x^2)
        sqrt(a*x) ; x/(2*sqrt(a*x)) ; sqrt(a*x)/(2*a)
        (x^2 + 1)^(3/2) ; 3*x*sqrt(x^2 + 1)
        1/sqrt(1 + x^2) ; -x/((1 + x^2)*sqrt(1 + x^2)) ; -x*(1 + x^2)^(-3/2)
        sqrt(x)/(1 + sqrt(x)) ; 1/(2*sqrt(x)*(1 + sqrt(x))^2) ; 1/(2*(sqrt(x) + 2*x + x*sqrt(x)))
        sqrt(x + 1) - sqrt(x) ; 1/(2*sqrt(x + 1)) - 1/(2*sqrt(x)) ; -1/(2*sqrt(x*(x + 1))*(sqrt(x + 1) + sqrt(x)))
        1/(sqrt(x) + sqrt(x + 1)) ; (1/sqrt(x + 1) - 1/sqrt(x))/2
        sqrt(x^2 + y^2) ; x/sqrt(x^2 + y^2) ; x*(x^2 + y^2)^(-1/2)
        cbrt(x^2 + 1) ; 2*x/(3*cbrt(x^2 + 1)^2)
        sqrt(sqrt(x)) ; 1/(4*x^(3/4)) ; sqrt(sqrt(x))/(4*x)
        x^1.5 ; 1.5*sqrt(x) ; 3*x/(2*sqrt(x))
    """,
    "exponential": """
        exp(2*x + 1) ; 2*exp(1)*exp(x)^2 ; 2*e*exp(2*x)
        x*exp(-x) ; (1 - x)/exp(x) ; exp(-x) - x*exp(-x)
        exp(-x^2/2) ; -x*exp(-x^2/2) ; -x/sqrt(exp(x^2))
        a^2*exp(-a*x) ; a*(2 - a*x)*exp(-a*x)
        2^x ; 2^x*log(2) ; log(2)*exp(x*log(2)) ; log(4)*2^(x - 1)
        x^x ; x^x*(1 + log(x)) ; exp(x*log(x))*log(x) + x^x
        (1 - exp(-x))^2 ; 2*exp(-x)*(1 - exp(-x)) ; 2*(exp(x) - 1)/exp(2*x)
        exp(x)/(1 + exp(x)) ; exp(x)/(1 + exp(x))^2 ; sigmoid(x)*sigmoid(-x) ; 1/(2 + exp(x) + exp(-x))
        x^2*exp(3*x) ; x*exp(3*x)*(2 + 3*x)
        exp(exp(x)) ; exp(x + exp(x)) ; exp(x)*exp(exp(x))
        (exp(x) - 1)/x ; (x*exp(x) - exp(x) + 1)/x^2
        exp(log(x)*3) ; 3*x^2
        x^a ; x^a*log(x) ; log(x)*exp(a*log(x))
        exp(-1/x) ; exp(-1/x)/x^2
        10^x ; 10^x*log(10) ; 10^x*(log(2) + log(5))
        expm1(x)^2 ; 2*exp(x)*(exp(x) - 1)
        exp(x)^2/exp(3*x) ; -exp(-x)
    """,
    "logarithm": """
        log(3*x) ; 1/x
        x*log(x) - x ; log(x)
        log(x)^2 ; 2*log(x)/x
        log(x/(1 - x)) ; 1/(x*(1 - x)) ; 1/x + 1/(1 - x)
        log(1 + x) - log(1 - x) ; 2/(1 - x^2)
        log(x^2 + 1)/2 ; x/(1 + x^2)
        log(log(x)) ; 1/(x*log(x))
        log(x)/x ; (1 - log(x))/x^2
        log2(x) ; 1/(x*log(2)) ; log2(e)/x
        log10(x^3) ; 3/(x*log(10))
        log(x + sqrt(x^2 + 1)) ; 1/sqrt(x^2 + 1)
        log(x + sqrt(x^2 - 1)) ; 1/sqrt(x^2 - 1)
        x^2*log(x) ; x + 2*x*log(x) ; x*(1 + 2*log(x)) ; x*log(e*x^2)
        log(sqrt(x)) ; 1/(2*x)
        -x*log(x) - (1 - x)*log(1 - x) ; log((1 - x)/x) ; log(1 - x) - log(x)
        x*log(x/y) + y - x ; log(x/y)
        log(x*y) ; 1/x
        log1p(exp(x)) ; 1/(1 + exp(-x)) ; sigmoid(x) ; 1 - 1/(1 + exp(x))
        log(exp(x) + exp(y)) ; exp(x)/(exp(x) + exp(y)) ; sigmoid(x - y) ; 1/(1 + exp(y - x))
        log(abs(x)) ; 1/x
        log(x)/log(2) ; 1/(x*log(2))
        x^log(x) ; 2*log(x)*x^(log(x) - 1) ; 2*x^log(x)*log(x)/x
        log((x - 1)^2/(x + 1)) ; 2/(x - 1) - 1/(x + 1) ; (x + 3)/(x^2 - 1)
    """,
    "trigonometric": """
        sin(x)*cos(x) ; cos(2*x) ; cos(x)^2 - sin(x)^2 ; 1 - 2*sin(x)^2 ; 2*cos(x)^2 - 1
        sin(x)^2 ; sin(2*x) ; 2*sin(x)*cos(x)
        sin(x)^2 + cos(x)^2 ; 0
        tan(x) ; 1/cos(x)^2 ; 1 + tan(x)^2 ; 2/(1 + cos(2*x)) ; sec(x)^2
        1/cos(x) ; tan(x)/cos(x) ; sin(x)/(1 - sin(x)^2)
        1/tan(x) ; -1/sin(x)^2 ; -1 - 1/tan(x)^2 ; -csc(x)^2
        sin(3*x) ; 3*cos(3*x) ; 12*cos(x)^3 - 9*cos(x)
        cos(x)^4 - sin(x)^4 ; -2*sin(2*x) ; -4*sin(x)*cos(x)
        sin(x)^3 ; 3*sin(x)^2*cos(x) ; 3*(cos(x) - cos(3*x))/4
        x*sin(x) + cos(x) ; x*cos(x)
        sin(x)/(1 + cos(x)) ; 1/(1 + cos(x)) ; 1/(2*cos(x/2)^2) ; (1 + tan(x/2)^2)/2
        tan(x/2) ; 1/(1 + cos(x))
        sin(x + pi/2) ; -sin(x)
        cos(x + pi/4) ; -(sin(x) + cos(x))/sqrt(2)
        sin(x)*cos(y) + cos(x)*sin(y) ; cos(x + y)
        sin(x)*sin(y) ; cos(x)*sin(y) ; (sin(x + y) - sin(x - y))/2
        a*sin(w*x + p) ; sin(p + w*x) ; sin(w*x)*cos(p) + cos(w*x)*sin(p)
        (1 - cos(2*x))/2 ; sin(2*x)
        log(sin(x)) ; cos(x)/sin(x) ; 1/tan(x) ; cot(x)
        log(cos(x)) ; -tan(x) ; -sin(2*x)/(1 + cos(2*x))
        exp(x)*sin(x) ; exp(x)*(sin(x) + cos(x)) ; sqrt(2)*exp(x)*sin(x + pi/4)
        sin(x^2) ; 2*x*cos(x^2)
        sin(cos(x)) ; -sin(x)*cos(cos(x))
        cos(5*x) ; -5*sin(5*x) ; -5*(16*sin(x)^5 - 20*sin(x)^3 + 5*sin(x))
        arctan(x) ; 1/(1 + x^2)
        arctan(1/x) ; -1/(1 + x^2)
        arcsin(x) ; 1/sqrt(1 - x^2)
        arccos(x) ; -1/sqrt(1 - x^2) ; -(1 - x^2)^(-1/2)
        arcsin(x) + arccos(x) ; 0
        x*arctan(x) - log(1 + x^2)/2 ; arctan(x)
        arctan(sqrt(x)) ; 1/(2*sqrt(x)*(1 + x))
        arcsin(sqrt(x)) ; 1/(2*sqrt(x*(1 - x))) ; 1/(2*sqrt(x - x^2))
        x*arcsin(x) + sqrt(1 - x^2) ; arcsin(x)
        sin(pi*x/180) ; pi/180*cos(pi*x/180)
        sin(x)^4 ; 4*sin(x)^3*cos(x) ; sin(2*x) - sin(4*x)/2
        tan(x)^2 ; 2*tan(x)*sec(x)^2 ; 2*sin(x)/cos(x)^3
    """,
    "hyperbolic": """
        sinh(x) ; cosh(x) ; (exp(x) + exp(-x))/2
        cosh(x) ; sinh(x) ; (exp(2*x) - 1)/(2*exp(x))
        tanh(x) ; 1 - tanh(x)^2 ; 1/cosh(x)^2 ; 4/(exp(x) + exp(-x))^2 ; sech(x)^2
        cosh(x)^2 - sinh(x)^2 ; 0
        sinh(x)*cosh(x) ; cosh(2*x) ; 1 + 2*sinh(x)^2
        cosh(x)^2 ; sinh(2*x) ; 2*sinh(x)*cosh(x)
        log(cosh(x)) ; tanh(x) ; 1 - 2/(exp(2*x) + 1)
        arcsinh(x) ; 1/sqrt(1 + x^2)
        arctanh(x) ; 1/(1 - x^2) ; 1/((1 - x)*(1 + x))
        arccosh(x) ; 1/sqrt(x^2 - 1)
        tanh(x/2) ; (1 - tanh(x/2)^2)/2 ; 1/(1 + cosh(x)) ; 2*sigmoid(x)*(1 - sigmoid(x))
        x*tanh(x) ; tanh(x) + x/cosh(x)^2
        sinh(3*x) ; 3*cosh(3*x) ; 12*cosh(x)^3 - 9*cosh(x)
        1/sinh(x) ; -cosh(x)/sinh(x)^2
        arctan(sinh(x)) ; 1/cosh(x)
        tanh(log(x)) ; 4*x/(x^2 + 1)^2
    """,
    "activations": """
        sigmoid(x) ; sigmoid(x)*(1 - sigmoid(x)) ; sigmoid(x) - sigmoid(x)^2 ; exp(-x)/(1 + exp(-x))^2 ; 1/(4*cosh(x/2)^2)
        x*sigmoid(x) ; sigmoid(x)*(1 + x*(1 - sigmoid(x))) ; sigmoid(x) + x*sigmoid(x)*sigmoid(-x)
        softplus(x) ; sigmoid(x) ; (1 + tanh(x/2))/2
        x*tanh(softplus(x)) ; tanh(softplus(x)) + x*sigmoid(x)*(1 - tanh(softplus(x))^2)
        max(x, 0) ; where(x > 0, 1, 0) ; (1 + sign(x))/2
        max(x, 0)^2 ; 2*max(x, 0)
        where(x > 0, x, exp(x) - 1) ; where(x > 0, 1, exp(x))
        where(x > 0, x, 0.01*x) ; where(x > 0, 1, 0.01)
        abs(x) ; sign(x) ; x/abs(x) ; where(x > 0, 1, -1)
        x*abs(x) ; 2*abs(x) ; 2*x*sign(x)
        -log(sigmoid(x)) ; -sigmoid(-x) ; sigmoid(x) - 1
        log(sigmoid(x)) ; 1/(1 + exp(x))
        -y*log(sigmoid(z)) - (1 - y)*log(1 - sigmoid(z)) ; log(1 - sigmoid(z)) - log(sigmoid(z)) ; -z
        x/(1 + abs(x)) ; 1/(1 + abs(x))^2
        sqrt(1 + x^2) - 1 ; x/sqrt(1 + x^2)
        where(abs(x) <= 1, x^2/2, abs(x) - 1/2) ; where(abs(x) <= 1, x, sign(x)) ; max(-1, min(1, x))
        log(cosh(x - y)) ; tanh(x - y)
        max(x, y) ; where(x > y, 1, 0)
        min(x, y) ; where(x > y, 0, 1) ; 1 - where(x > y, 1, 0)
        max(0, 1 - x*y) ; where(x*y < 1, -y, 0)
        abs(x - y) ; sign(x - y) ; -sign(y - x)
        clip(x, -1, 1) ; where(abs(x) < 1, 1, 0)
    """,
    "statistics": """
        exp(-(x - 3)^2/8)/(2*sqrt(2*pi)) ; -(x - 3)/4*exp(-(x - 3)^2/8)/(2*sqrt(2*pi)) ; (3 - x)/(8*sqrt(2*pi))*exp(-(x-3)^2/8)
        -log(s) - (x - m)^2/(2*s^2) ; (x - m)/s^2
        k*log(p) + (n - k)*log(1 - p) ; log(p/(1 - p)) ; log(p) - log(1 - p)
        l*exp(-l*x) ; (1 - l*x)*exp(-l*x)
        k*log(l) - l ; log(l)
        log(l^k*exp(-l)) ; log(l)
        1/(pi*(1 + x^2)) ; -2*x/(pi*(1 + x^2)^2)
        -log(pi*g*(1 + (x/g)^2)) ; (x^2 - g^2)/(g*(x^2 + g^2))
        1 - exp(-(x/2)^3) ; 3/8*x^2*exp(-x^3/8)
        exp(m*t + s^2*t^2/2) ; t*exp(m*t + s^2*t^2/2)
        1/(1 + exp(-(x - m)/s)) ; -1/s*sigmoid((x - m)/s)*sigmoid((m - x)/s)
        -p*log(p) - (1 - p)*log(1 - p) ; log((1 - p)/p)
        log(1 - p + p*exp(t)) ; (exp(t) - 1)/(1 - p + p*exp(t))
        (a + 1)*x^a ; x^a*(1 + (a + 1)*log(x))
        exp(-x)*(exp(x) - 1)^2 ; exp(x) - exp(-x) ; 2*sinh(x)
        log(s2)/2 + (x - m)^2/(2*s2) ; (m - x)/s2
        r*log(1 - p) + k*log(p) ; log(p)
        a*log(b) + (a - 1)*log(x) - b*x ; log(b) + log(x) ; log(b*x)
    """,
    "physics": """
        m*c^2/sqrt(1 - v^2/c^2) ; 2*m*c/sqrt(1 - v^2/c^2) - m*v^2/(c*(1 - v^2/c^2)^(3/2))
        4*d*((s/r)^12 - (s/r)^6) ; 4*((s/r)^12 - (s/r)^6) ; 4*s^6*(s^6 - r^6)/r^12
        G*m/r^2 ; m/r^2
        R*T/(V - b) - a/V^2 ; T/(V - b)
        d*(1 - exp(-a*(r - q)))^2 ; 2*d*(r - q)*(1 - exp(-a*(r - q)))*exp(-a*(r - q))
        g*t^2/2 ; t^2/2
        A*exp(-g*t)*cos(w*t) ; exp(-g*t)*cos(w*t)
        1/(exp(x) - 1) ; -exp(x)/(exp(x) - 1)^2 ; -1/(4*sinh(x/2)^2)
        x^3/(exp(x) - 1) ; x^2*(3*exp(x) - 3 - x*exp(x))/(exp(x) - 1)^2
        q/(1 + (x/y)^2) ; 1/(1 + (x/y)^2) ; y^2/(x^2 + y^2)
        L*log(1 + x/L) ; log(1 + x/L) - x/(L + x)
        A*sin(k*x - w*t)^2 ; sin(k*x - w*t)^2 ; (1 - cos(2*k*x - 2*w*t))/2
    """,
}

_IDENTITIES = {
    "algebra": """
        (x + y)^3 ; x^3 + 3*x^2*y + 3*x*y^2 + y^3
        (x^3 - y^3)/(x - y) ; x^2 + x*y + y^2
        1/(x*(x + 1)) ; 1/x - 1/(x + 1)
        1/(x - y) + 1/(y - x) ; 0
        sqrt(x*y)^2 ; x*y
        sqrt(8*x) ; 2*sqrt(2)*sqrt(x)
        sqrt(x^2) ; abs(x)
        (x^2)^(3/2) ; abs(x)^3
        1/(sqrt(x) + sqrt(y)) ; (sqrt(x) - sqrt(y))/(x - y)
        sqrt(x^2 + 2*x*y + y^2) ; abs(x + y)
        max(x, y) ; (x + y + abs(x - y))/2
        max(x, y) + min(x, y) ; x + y
        max(x, y)*min(x, y) ; x*y
        abs(x)*abs(y) ; abs(x*y)
        sqrt(3 + 2*sqrt(2))*x ; x + sqrt(2)*x
    """,
    "exponents": """
        exp(x)*exp(y) ; exp(x + y)
        exp(x)^3 ; exp(3*x)
        exp(x*log(2)) ; 2^x
        4^x ; (2^x)^2
        log(x*exp(y)) ; log(x) + y
        log(x) + log(y) ; log(y*x)
        log(exp(x) + exp(y)) ; x + log(1 + exp(y - x))
        log(8*x) ; 3*log(2) + log(x)
        log(x)/log(10) ; log10(x)
        log(sqrt(x)) ; log(x)/2
        log(1/x) ; -log(x)
        x^(a + b) ; x^a*x^b
        log(x^3) ; 3*log(x)
        log(x^2) ; 2*log(abs(x))
        exp(2*log(x)) ; x^2
        log(x^2 - 1) - log(x - 1) ; log(x + 1)
    """,
    "functions": """
        tanh(x) ; 2*sigmoid(2*x) - 1
        sigmoid(-x) ; 1 - sigmoid(x)
        softplus(x) - softplus(-x) ; x
        log(sigmoid(x)) ; -softplus(-x)
        sin(2*x) ; 2*tan(x)/(1 + tan(x)^2)
        cos(2*x) ; (1 - tan(x)^2)/(1 + tan(x)^2)
        tan(x + y) ; (tan(x) + tan(y))/(1 - tan(x)*tan(y))
        sin(x)^4 + cos(x)^4 ; 1 - sin(2*x)^2/2
        sinh(x + y) ; sinh(x)*cosh(y) + cosh(x)*sinh(y)
        tanh(x)^2 + sech(x)^2 ; 1
        cosh(3*x) ; 4*cosh(x)^3 - 3*cosh(x)
        arcsinh(x) ; log(x + sqrt(x^2 + 1))
        arctanh(x) ; log((1 + x)/(1 - x))/2
        arccosh(x) ; log(x + sqrt(x^2 - 1))
        arcsin(x) + arccos(x) ; pi/2
        sin(arcsin(x)) ; x
        sin(arccos(x)) ; sqrt(1 - x^2)
        cos(arctan(x)) ; 1/sqrt(1 + x^2)
        tan(arcsin(x)) ; x/sqrt(1 - x^2)
        sin(x + y)*sin(x - y) ; sin(x)^2 - sin(y)^2
        cosh(arcsinh(x)) ; sqrt(1 + x^2)
        arctan(-x) ; -arctan(x)
        exp(-softplus(x)) ; sigmoid(-x)
        cos(x)*cos(2*x)*cos(4*x)*sin(x) ; sin(8*x)/8
    """,
}


def _rows(table: Mapping[str, str], identity: bool) -> list[TrueForm]:
    rows = []
    for topic, text in table.items():
        for line in filter(None, map(str.strip, text.splitlines())):
            f, *forms = (part.strip() for part in line.split(";"))
            rows += [TrueForm(f"{topic}: {f} | {form}", f, form, identity=identity) for form in forms]
    return rows


SCALARS = _rows(_SCALAR, identity=False)
IDENTITIES = _rows(_IDENTITIES, identity=True)

V, W, M, S, Q = vector("n"), vector("m"), matrix("m", "n"), matrix("n", "n"), matrix("n", "k")


def _rows_of(
    topic: str, f: Callable[..., Any], forms: list[Any], *specs: Any, identity: bool = False, **options: Any
) -> list[TrueForm]:
    return [
        TrueForm(f"{topic} | {form if isinstance(form, str) else form.__name__}", f, form, specs, options, identity)
        for form in forms
    ]


def _least_squares(w, X, y):
    return np.sum((X @ w - y) ** 2)


def _ridge(w, X, y, lam):
    return np.sum((X @ w - y) ** 2) / 2 + lam * (w @ w) / 2


def _logistic(w, X, y):
    z = X @ w
    return np.sum(np.logaddexp(0, z) - y * z)


def _softmax_loss(z, y):
    return np.log(np.sum(np.exp(z))) - z @ y


def _variance(x):
    return np.mean((x - np.mean(x)) ** 2)


ARRAYS = [
    *_rows_of("x.x", lambda x: x @ x, ["2*x", r"2 x", "x + x"], V),
    *_rows_of("a.x", lambda x, a: a @ x, ["a", "a + 0*x"], V, V),
    *_rows_of("x^T A x", lambda x, A: x @ A @ x, ["(A + A.T) @ x", r"A x + A^\top x", "x @ A + A @ x"], V, S),
    *_rows_of("x^T A x, A symmetric", lambda x, A: x @ A @ x, ["2*A @ x", r"2 A x", "2*A.T @ x"], V, S, symmetric="A"),
    *_rows_of("x^T A y in A", lambda A, x, y: x @ A @ y, [r"x y^\top", "outer(x, y)"], M, W, V),
    *_rows_of("Hessian of x^T A x", lambda x, A: x @ A @ x, ["A + A.T", r"A + A^\top"], V, S, order=2),
    *_rows_of("Hessian of x^T A x, symmetric", lambda x, A: x @ A @ x, ["2*A"], V, S, order=2, symmetric="A"),
    *_rows_of(
        "least squares",
        _least_squares,
        ["2*X.T @ (X @ w - y)", r"2 X^\top X w - 2 X^\top y", r"-2 X^\top (y - X w)", "2*(w @ X.T @ X) - 2*(y @ X)"],
        V,
        M,
        W,
    ),
    *_rows_of("Hessian of least squares", _least_squares, ["2*X.T @ X", r"2 X^\top X"], V, M, W, order=2),
    *_rows_of(
        "least squares in X",
        lambda X, w, y: np.sum((X @ w - y) ** 2),
        [r"2 (X w - y) w^\top", "2*outer(X @ w - y, w)"],
        M,
        V,
        W,
    ),
    *_rows_of(
        "ridge", _ridge, ["X.T @ (X @ w - y) + lam*w", r"(X^\top X w - X^\top y) + \lambda w"], V, M, W, gradc.scalar()
    ),
    *_rows_of(
        "logistic regression",
        _logistic,
        ["X.T @ (sigmoid(X @ w) - y)", r"X^\top (\sigma(X w) - y)", "X.T @ (1/(1 + exp(-(X @ w))) - y)"],
        V,
        M,
        W,
    ),
    *_rows_of(
        "Hessian of logistic regression",
        lambda w, X: np.sum(np.logaddexp(0, X @ w)),
        [r"X^\top \operatorname{diag}(\sigma(X w) \odot (1 - \sigma(X w))) X"],
        V,
        M,
        order=2,
    ),
    *_rows_of("mean square", lambda x: np.mean(x**2), ["2*x/len(x)", "x/(len(x)/2)"], V),
    *_rows_of("mean squared error", lambda w, X, y: np.mean((X @ w - y) ** 2), ["2/len(y)*X.T @ (X @ w - y)"], V, M, W),
    *_rows_of("variance", _variance, ["2*(x - mean(x))/len(x)", "2*x/len(x) - 2*sum(x)/len(x)^2"], V),
    *_rows_of("Euclidean norm", lambda x: np.sqrt(x @ x), ["x/norm(x)", r"\frac{x}{\|x\|}", "x/sqrt(sum(x**2))"], V),
    *_rows_of("inverse norm", lambda x: 1 / np.sqrt(x @ x), ["-x/norm(x)^3", r"-\frac{x}{\|x\|^3}"], V),
    *_rows_of(
        "norm of a residual",
        lambda x, A, b: np.sqrt(np.sum((A @ x - b) ** 2)),
        ["A.T @ (A @ x - b)/norm(A @ x - b)"],
        V,
        M,
        W,
    ),
    *_rows_of(
        "distance", lambda x, y: np.sqrt(np.sum((x - y) ** 2)), ["(x - y)/norm(x - y)", "(x - y)/norm(y - x)"], V, V
    ),
    *_rows_of("norm to the fourth", lambda x: (x @ x) ** 2, ["4*(x @ x)*x", r"4 \|x\|^2 x", "4*norm(x)^2*x"], V),
    *_rows_of(
        "log-sum-exp",
        lambda x: np.log(np.sum(np.exp(x))),
        ["softmax(x)", "exp(x)/sum(exp(x))", r"\operatorname{softmax}(x)"],
        V,
    ),
    *_rows_of("cross entropy of softmax", _softmax_loss, ["softmax(z) - y", "exp(z)/sum(exp(z)) - y"], V, V),
    *_rows_of(
        "softmax",
        lambda x: np.exp(x) / np.sum(np.exp(x)),
        [lambda x: np.diag(np.exp(x) / np.sum(np.exp(x))) - np.outer(np.exp(x), np.exp(x)) / np.sum(np.exp(x)) ** 2],
        V,
    ),
    *_rows_of("entropy", lambda p: -np.sum(p * np.log(p)), ["-log(p) - 1", "-(1 + log(p))", "log(1/p) - 1"], V),
    *_rows_of(
        "KL", lambda p, q: np.sum(p * np.log(p / q)), ["log(p/q) + 1", "log(p) - log(q) + 1"], V, V, positive=("p", "q")
    ),
    *_rows_of("sum of logs", lambda x: np.sum(np.log(x)), ["1/x", "x**-1"], V),
    *_rows_of("sum of sin cos", lambda x: np.sum(np.sin(x) * np.cos(x)), ["cos(2*x)", "1 - 2*sin(x)^2"], V),
    *_rows_of(
        "tanh layer",
        lambda x, A: np.sum(np.tanh(A @ x)),
        ["A.T @ (1 - tanh(A @ x)**2)", "A.T @ (1/cosh(A @ x)**2)"],
        V,
        M,
    ),
    *_rows_of(
        "relu layer",
        lambda x, A: np.sum(np.maximum(A @ x, 0)),
        ["A.T @ where(A @ x > 0, 1.0, 0.0)", "A.T @ ((1 + sign(A @ x))/2)"],
        V,
        M,
    ),
    *_rows_of("relu", lambda x: np.sum(np.maximum(x, 0)), ["where(x > 0, 1, 0)", "(1 + x/abs(x))/2"], V),
    *_rows_of("absolute values", lambda x: np.sum(np.abs(x)), ["sign(x)", "x/abs(x)"], V),
    *_rows_of("Jacobian of A x", lambda x, A: A @ x, ["A"], V, M),
    *_rows_of("Jacobian of x * x", lambda x: x * x, [lambda x: 2 * np.diag(x)], V),
    *_rows_of("elementwise", lambda x: np.sin(x) ** 2, ["sin(2*x)", "2*sin(x)*cos(x)"], V),
    *_rows_of(
        "x (x.a)",
        lambda x, a: x * (x @ a),
        [lambda x, a: np.diag(np.full(x.shape, x @ a)) + np.outer(x, a)],
        vector(3),
        vector(3),
    ),
    *_rows_of("trace of A B", lambda A, B: np.trace(A @ B), ["B.T", r"B^\top"], M, matrix("n", "m")),
    *_rows_of("trace of A^T B", lambda A, B: np.trace(A.T @ B), ["B"], M, M),
    *_rows_of("sum of A * B", lambda A, B: np.sum(A * B), ["B"], M, M),
    *_rows_of("trace of A^T A", lambda A: np.trace(A.T @ A), ["2*A"], M),
    *_rows_of("trace of A A", lambda A: np.trace(A @ A), ["2*A.T", r"2 A^\top"], S),
    *_rows_of("trace of A^3", lambda A: np.trace(A @ A @ A), ["3*(A @ A).T", r"3 (A^\top)^2", r"3 A^\top A^\top"], S),
    *_rows_of("trace of X^T A X", lambda X, A: np.trace(X.T @ A @ X), ["(A + A.T) @ X", r"A X + A^\top X"], Q, S),
    *_rows_of("trace of X^T A X, symmetric", lambda X, A: np.trace(X.T @ A @ X), ["2*A @ X"], Q, S, symmetric="A"),
    *_rows_of(
        "trace of A X B",
        lambda X, A, B: np.trace(A @ X @ B),
        [r"A^\top B^\top", "(B @ A).T"],
        M,
        matrix("k", "m"),
        matrix("n", "k"),
    ),
    *_rows_of("squared Frobenius norm", lambda X, A: np.sum((X - A) ** 2), ["2*(X - A)", "-2*(A - X)"], M, M),
    *_rows_of("Frobenius norm", lambda X: np.sqrt(np.sum(X**2)), ["X/norm(X)", r"\frac{X}{\|X\|_F}"], M),
    *_rows_of(
        "factorisation",
        lambda U, V, R: np.sum((R - U @ V.T) ** 2),
        ["-2*(R - U @ V.T) @ V", r"2 (U V^\top - R) V", r"2 U V^\top V - 2 R V"],
        matrix("m", "r"),
        matrix("n", "r"),
        M,
    ),
    *_rows_of(
        "bilinear in X",
        lambda X, a, b: a @ X @ X.T @ b,
        [r"(a b^\top + b a^\top) X", "outer(a, b) @ X + outer(b, a) @ X"],
        matrix("n", "m"),
        V,
        V,
    ),
    *_rows_of("a^T X^T X b", lambda X, a, b: a @ X.T @ X @ b, [r"X (a b^\top + b a^\top)"], M, V, V),
    *_rows_of(
        "quadratic in the residual",
        lambda x, A, b, W: (A @ x - b) @ W @ (A @ x - b),
        [r"A^\top (W + W^\top) (A x - b)"],
        V,
        M,
        W,
        matrix("m", "m"),
    ),
    *_rows_of(
        "quadratic in the residual, symmetric",
        lambda x, A, b, W: (A @ x - b) @ W @ (A @ x - b),
        [r"2 A^\top W (A x - b)"],
        V,
        M,
        W,
        matrix("m", "m"),
        symmetric="W",
    ),
    *_rows_of(
        "Rayleigh quotient",
        lambda x, A: (x @ A @ x) / (x @ x),
        ["2*(A @ x)/(x @ x) - 2*(x @ A @ x)*x/(x @ x)^2", "2/(x @ x)*(A @ x - (x @ A @ x)/(x @ x)*x)"],
        V,
        S,
        symmetric="A",
    ),
    *_rows_of(
        "cosine similarity",
        lambda x, y: (x @ y) / np.sqrt((x @ x) * (y @ y)),
        ["y/(norm(x)*norm(y)) - (x @ y)*x/(norm(x)^3*norm(y))"],
        V,
        V,
    ),
    *_rows_of(
        "Gaussian kernel",
        lambda x, y: np.exp(-np.sum((x - y) ** 2) / 2),
        ["(y - x)*exp(-norm(x - y)^2/2)", "-(x - y)*exp(-sum((x - y)**2)/2)"],
        V,
        V,
    ),
    *_rows_of(
        "Gaussian log-likelihood",
        lambda m, x, s: -np.sum((x - m) ** 2) / (2 * s**2) - x.shape[0] * np.log(s),
        ["(sum(x) - len(x)*m)/s^2", "sum(x - m)/s^2"],
        gradc.scalar(),
        V,
        gradc.scalar(),
    ),
    *_rows_of(
        "Poisson regression",
        lambda w, X, y: np.sum(np.exp(X @ w) - y * (X @ w)),
        ["X.T @ (exp(X @ w) - y)", "X.T @ exp(X @ w) - X.T @ y"],
        V,
        M,
        W,
    ),
    *_rows_of(
        "hinge",
        lambda w, X, y: np.sum(np.maximum(0, 1 - y * (X @ w))),
        ["-X.T @ where(y*(X @ w) < 1, y, 0*y)"],
        V,
        M,
        W,
    ),
    *_rows_of(
        "differences",
        lambda x: np.sum((x[1:] - x[:-1]) ** 2),
        [lambda x: np.array([2 * (x[0] - x[1]), 2 * (2 * x[1] - x[0] - x[2]), 2 * (x[2] - x[1])])],
        vector(3),
    ),
    *_rows_of("product of entries", lambda x: x[0] * x[1] * x[2], ["[x[1]*x[2], x[0]*x[2], x[0]*x[1]]"], vector(3)),
    *_rows_of(
        "polar coordinates",
        lambda p: np.array([p[0] * np.cos(p[1]), p[0] * np.sin(p[1])]),
        ["[[cos(p[1]), -p[0]*sin(p[1])], [sin(p[1]), p[0]*cos(p[1])]]"],
        vector(2),
    ),
    *_rows_of("cubes", lambda x: np.sum(x**3), ["3*x*x", "3*x^2"], V),
    *_rows_of("Hessian of cubes", lambda x: np.sum(x**3), [lambda x: 6 * np.diag(x)], V, order=2),
    *_rows_of(
        "row sums",
        lambda X: np.sum(np.sum(X, axis=1) ** 2),
        [lambda X: 2 * np.sum(X, axis=1)[:, None] * np.ones_like(X)],
        M,
    ),
    *_rows_of(
        "column means",
        lambda X: np.sum(np.mean(X, axis=0) ** 2),
        [lambda X: 2 / X.shape[0] * np.mean(X, axis=0) * np.ones_like(X)],
        M,
    ),
    # inverses and determinants
    *_rows_of(
        "log det", lambda A: np.linalg.slogdet(A)[1], ["inv(A).T", r"A^{-\top}", r"(A^{-1})^\top", "inv(A.T)"], S
    ),
    *_rows_of("log det, symmetric", lambda A: np.linalg.slogdet(A)[1], ["inv(A)", r"A^{-1}"], S, symmetric="A"),
    *_rows_of("det", lambda A: np.linalg.det(A), ["det(A)*inv(A).T", r"\det(A) A^{-\top}"], S),
    *_rows_of(
        "trace of the inverse",
        lambda A: np.trace(np.linalg.inv(A)),
        ["-inv(A @ A).T", r"-(A^{-1} A^{-1})^\top", "-(inv(A) @ inv(A)).T"],
        S,
    ),
    *_rows_of(
        "quadratic form of the inverse",
        lambda A, x: x @ np.linalg.inv(A) @ x,
        [r"-A^{-\top} x x^\top A^{-\top}", "-outer(inv(A.T) @ x, inv(A) @ x)"],
        S,
        V,
    ),
    *_rows_of("solve in b", lambda b, A, c: c @ np.linalg.solve(A, b), ["inv(A).T @ c", r"A^{-\top} c"], V, S, V),
    *_rows_of(
        "quadratic form of the inverse in x",
        lambda x, A: x @ np.linalg.inv(A) @ x,
        ["(inv(A) + inv(A).T) @ x", "inv(A) @ x + inv(A.T) @ x"],
        V,
        S,
    ),
    *_rows_of(
        "Gaussian in the mean",
        lambda m, x, A: -(x - m) @ np.linalg.inv(A) @ (x - m) / 2,
        ["inv(A) @ (x - m)"],
        V,
        V,
        S,
        symmetric="A",
    ),
]

MATRIX_IDENTITIES = [
    *_rows_of(
        "tr(AB) = tr(BA)",
        lambda A, B: np.trace(A @ B),
        [lambda A, B: np.trace(B @ A)],
        M,
        matrix("n", "m"),
        identity=True,
    ),
    *_rows_of(
        "tr(ABC) = tr(CAB)",
        lambda A, B, C: np.trace(A @ B @ C),
        [lambda A, B, C: np.trace(C @ A @ B)],
        S,
        S,
        S,
        identity=True,
    ),
    *_rows_of("(AB)^T", lambda A, B: (A @ B).T, ["B.T @ A.T"], M, matrix("n", "k"), identity=True),
    *_rows_of("x^T A y = y^T A^T x", lambda x, A, y: x @ A @ y, ["y @ A.T @ x"], W, M, V, identity=True),
    *_rows_of("|x - y|^2", lambda x, y: np.sum((x - y) ** 2), ["x @ x - 2*(x @ y) + y @ y"], V, V, identity=True),
    *_rows_of("A A^-1", lambda A, x: A @ (np.linalg.inv(A) @ x), ["x"], S, V, identity=True),
    *_rows_of("(AB)^-1", lambda A, B: np.linalg.inv(A @ B), ["inv(B) @ inv(A)"], S, S, identity=True),
    *_rows_of("(A^T)^-1", lambda A: np.linalg.inv(A.T), ["inv(A).T"], S, identity=True),
    *_rows_of("det(AB)", lambda A, B: np.linalg.det(A @ B), ["det(A)*det(B)"], S, S, identity=True),
    *_rows_of("det(A^T)", lambda A: np.linalg.det(A.T), ["det(A)"], S, identity=True),
    *_rows_of("solve", lambda A, b: np.linalg.solve(A, b), ["inv(A) @ b"], S, V, identity=True),
    *_rows_of("tr(A A^-1 B)", lambda A, B: np.trace(A @ np.linalg.inv(A) @ B), ["trace(B)"], S, S, identity=True),
    *_rows_of("(A^-1)^-1", lambda A: np.linalg.inv(np.linalg.inv(A)), ["A"], S, identity=True),
    *_rows_of("centred sum", lambda x: np.sum((x - np.mean(x)) ** 2), ["x @ x - sum(x)^2/len(x)"], V, identity=True),
    *_rows_of(
        "softmax shifted",
        lambda x: np.exp(x) / np.sum(np.exp(x)),
        [lambda x: np.exp(x - np.max(x)) / np.sum(np.exp(x - np.max(x)))],
        V,
        identity=True,
    ),
    *_rows_of("symmetric transpose", lambda A, x: A.T @ x, ["A @ x"], S, V, identity=True, symmetric="A"),
]

#: Every row.
TRUE_FORMS = (*SCALARS, *IDENTITIES, *ARRAYS, *MATRIX_IDENTITIES)
