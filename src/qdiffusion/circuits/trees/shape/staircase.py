r"""Which operators may wait where they land, for the messages to take them through the links that are left.

Trailing links are pulled into a word last first. Link k = Σ_s P_s ⊗ V_k^s turns a ⊗ 1, on control and target, into

.. math:: Σ_{s,s'} (P_s a P_{s'}) ⊗ (V_k^s)^† V_k^{s'}

where s = 0, s' = 1 leave V_k alone on the target t, and s = 1, s' = 0 its adjoint. If t controls a further link j,
pulled after k, the same happens to it,

.. math:: U_j^† (V_k ⊗ 1) U_j = D(V_k) ⊗ 1 + P_0 V_k P_1 ⊗ V_j + P_1 V_k P_0 ⊗ V_j^†

with D the diagonal part. Along a staircase of n links this makes 2^{n+1} - 1 terms of one. Let S be the wires on t's
side of k, and U_S and U_R the links left to be pulled that lie within S and outside. If no other crosses from one
side to the other,

.. math:: (U_R U_S)^† (O_R ⊗ V_k) U_R U_S = U_R^† O_R U_R ⊗ U_S^† V_k U_S

and the second factor enters the value only through one message, out of S, which is linear in it. So V_k is left alone:
its message is the sum of three, as in the formula before, that ask for messages of V_j and V_j^†, which all terms
share. The terms no longer double; each step of the staircase adds two messages.
"""

from qdiffusion.circuits.trees.shape.topology import Topology

Waits = dict[int, tuple[int, ...]]
"""For each trailing link whose V may wait, the links that V has left to pass: those which its target controls."""


def may_wait(topology: Topology) -> Waits:
    """For V of link k, alone behind k on its target t, to wait, three things must hold of the links pulled after k.

    1. None turns t: V would no longer be what stands there. Then none crosses k's bond in k's direction either, since
       every bond has one wire at each end.
    2. Those that t controls lead further away from k: none crosses the bond in the other direction.
    3. The V of each of these may wait on its own target: they are passed in the same way.

    All other links behind k meet the identity at both their ends, and cancel.
    """
    links, trailing = topology.tree.links, topology.tree.trailing
    waits: Waits = {}
    for place in reversed(range(len(trailing))):
        link, left = links[trailing[place]], trailing[place + 1 :]
        own = tuple(index for index in left if links[index].control == link.target)
        is_turned_again = any(links[index].target == link.target for index in left)
        leads_away = all(links[index].target in topology.beyond(link) for index in own)
        if not is_turned_again and leads_away and all(index in waits for index in own):
            waits[trailing[place]] = own
    return waits
